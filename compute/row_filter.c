/* compute/row_filter.c - where the program keeps what it was given. */
#include "weir/row_filter.h"

static const weir_row_filter_ops *installed;

void weir_row_filters_install(const weir_row_filter_ops *ops)
{
    installed = ops;
}

const weir_row_filter_ops *weir_row_filters(void)
{
    return installed;
}

weir_row_filter *weir_row_filter_of_spec(const struct json_t *json, const char *path, weir_error *err)
{
    if (!installed) {
        weir_fail(err, WEIR_ERR_UNSUPPORTED, "%s: there are no filters here", path);
        return NULL;
    }
    weir_row_filter *filter = installed->parse(json, path, err);
    if (!filter && err->code != WEIR_ERR_UNSUPPORTED) {
        err->code = WEIR_ERR_BAD_REQUEST; /* a spec, not a query */
    }
    return filter;
}
