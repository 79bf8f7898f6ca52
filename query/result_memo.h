/* query/result_memo.h - whole answers by what they depend on: the query without the members of its context that shape no answer, the plan's text (which
 * says which versions of lookups it reads), and every segment in view: frozen ones by uid and rev, live ones by uid, what is hidden of them, and how
 * many rows their chunks have where the query reads them. So a key is never that of older data. Its hash is the answer's ETag. */
#ifndef QUERY_RESULT_MEMO_H
#define QUERY_RESULT_MEMO_H
#include "query/memo.h"
#include "query/native.h"

/* False: this answer has no key (rows given in the query, a segment that cannot be read). memo may be NULL. */
bool weir_result_key(const weir_native_query *query, weir_view *const *views, uint32_t view_count, bool pretty, const weir_memo *memo, weir_memo_key *out);
void weir_result_etag(weir_memo_key key, char out[33]);
/* Whether If-None-Match names this ETag: as sent, in quotes, in a list, or as "*". */
bool weir_result_etag_matches(weir_str if_none_match, const char *etag);
/* Whether an answer of so many bytes that took so long is worth keeping. */
bool weir_result_is_worth_it(weir_memo *memo, weir_memo_key key, size_t size, int64_t took_us);
#endif
