/* query/engine.h - what the engine's own room may ask it. */
#ifndef QUERY_ENGINE_H
#define QUERY_ENGINE_H
#include "weir/query.h"

weir_catalog *weir_engine_catalog(const weir_engine *engine);
const weir_clock *weir_engine_clock(const weir_engine *engine);
#endif
