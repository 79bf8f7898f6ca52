/* query/filter_judge.h - between filter.c and filter_judge.c: a bound predicate, and what is known of a dictionary's values under a leaf. */
#ifndef QUERY_FILTER_JUDGE_H
#define QUERY_FILTER_JUDGE_H
#include "query/exec.h"

/* Ids whose verdict is the wanted one, as spans (null, id 0, apart). Known from a sorted dictionary, or when every value was judged. */
typedef struct weir_wanted {
    uint32_t span_count;
    const weir_id_span *spans; /* ascending; NULL: too many, look at the verdicts */
    uint32_t count;            /* ids in them */
} weir_wanted;

typedef struct weir_judged { /* one leaf, one dictionary; shared by lanes */
    struct weir_judged *next;
    uint64_t uid;
    uint32_t count;
    const weir_dict *dict;
    _Atomic(weir_wanted *) wanted;       /* NULL: not known */
    _Atomic(_Atomic uint8_t *) verdicts; /* per id: 0 or 255 = not yet, else 1 + weir_verdict; NULL: not needed yet */
} weir_judged;

typedef struct weir_pred_store { /* memory of all tables of a filter */
    pthread_mutex_t lock;
    weir_scratch scratch;
} weir_pred_store;

struct weir_pred {
    uint8_t kind; /* weir_filter_kind: AND OR LEAF TRUE FALSE */
    bool root;
    bool negated;
    weir_verdict want; /* LEAF: TRUE, or FALSE when negated */
    uint32_t cost;     /* rank among conjuncts */
    uint32_t child_count;
    weir_pred **children;
    const weir_leaf *leaf;
    uint32_t slot;     /* the column, or WEIR_NO_ID */
    weir_port *port;   /* else the expression */
    weir_pred_store *store;
    _Atomic(weir_judged *) judged;
    bool long_range, double_range, float_range;
    int64_t lo, hi;          /* of longs */
    int64_t dlo, dhi, flo, fhi; /* of doubles and floats, as ordered integers */
};

/* The table of a dictionary, made when first asked for. */
weir_judged *weir_judged_of(weir_pred *pred, weir_lane *lane, const weir_dict *dict);
/* Judges every value; then `wanted` is known. In steps of 4,096, looking at ctl. */
bool weir_judged_complete(weir_pred *pred, weir_lane *lane, weir_judged *judged);
/* Sets bit i for each row i < n whose verdict is the wanted one. `in`: rows that matter (NULL: all); others may come out either way. */
bool weir_judge_vec(weir_pred *pred, weir_lane *lane, const weir_vec *vec, const uint64_t *in, uint64_t *bits);
/* Whether a null of this kind is wanted. */
bool weir_judge_null(const weir_pred *pred, uint8_t kind);
/* Doubles in the order of Double.compare as integers; NaN is one value, the largest. */
static inline int64_t weir_double_rank(double d)
{
    int64_t bits;
    if (d != d) {
        return INT64_MAX;
    }
    memcpy(&bits, &d, sizeof(bits));
    return bits ^ ((bits >> 63) & INT64_MAX);
}
#endif
