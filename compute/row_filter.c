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
