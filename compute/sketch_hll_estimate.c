/* compute/sketch_hll_estimate.c - how many distinct values an HLL sketch has seen, to the digit as
 * Apache DataSketches for Java say it. Coupons: the number of them, corrected for the rare
 * collisions of 26 bits. Registers in order: the HIP sum. Out of order: the raw estimate of
 * Flajolet and others, unbiased by a table that is interpolated with cubics, or the number of empty
 * registers while that says more. */
#include "compute/sketch_hll.h"
#include <math.h>

#define TABLE 257u
static const double raw_at[][TABLE] = {
#include "compute/sketch_hll_table.inc"
};
static const uint32_t strides[] = {1,   2,   3,    5,    10,   20,    40,    80,    160,
                                   320, 640, 1280, 2560, 5120, 10240, 20480, 40960, 81920};

/* Coupons to distinct values. */
#define COUPON_POINTS 40u
static const double coupon_counts[COUPON_POINTS] = {
    0.0,       1.0,       20.0,      400.0,     8000.0,    160000.0,  300000.0,  600000.0,
    900000.0,  1200000.0, 1500000.0, 1800000.0, 2100000.0, 2400000.0, 2700000.0, 3000000.0,
    3300000.0, 3600000.0, 3900000.0, 4200000.0, 4500000.0, 4800000.0, 5100000.0, 5400000.0,
    5700000.0, 6000000.0, 6300000.0, 6600000.0, 6900000.0, 7200000.0, 7500000.0, 7800000.0,
    8100000.0, 8400000.0, 8700000.0, 9000000.0, 9300000.0, 9600000.0, 9900000.0, 10200000.0,
};
static const double coupon_values[COUPON_POINTS] = {
    0.0,
    1.0,
    20.00000094374026,
    400.0003963713384,
    8000.158929460209,
    160063.60677637596,
    300223.70715976635,
    600895.593385617,
    902016.8065120955,
    1203588.498319951,
    1505611.8245524743,
    1808087.9449319066,
    2111018.0231759353,
    2414403.22701425,
    2718244.728205189,
    3022543.702552454,
    3327301.329921909,
    3632518.794258454,
    3938197.283602969,
    4244337.990109356,
    4550942.110061649,
    4858010.843891189,
    5165545.396193897,
    5473546.975747645,
    5782016.7955296505,
    6090956.072734016,
    6400366.028789296,
    6710247.889376201,
    7020602.884445314,
    7331432.248234972,
    7642737.219289148,
    7954519.0404754765,
    8266778.959003342,
    8579518.226442046,
    8892738.098739047,
    9206439.836238328,
    9520624.703698829,
    9835293.97031292,
    10150448.909725029,
    10466090.800050326,
};

/* Relative errors at 1, 2 and 3 standard deviations for lg_k 4 to 12; above, they follow the
 * theory. */
static const double errors_hip_lower[][3] = {
    {0.207316195, 0.502865572, 0.882303765}, {0.146981579, 0.335426881, 0.557052},
    {0.104026721, 0.227683872, 0.365888317}, {0.073614601, 0.156781585, 0.245740374},
    {0.05205248, 0.108783763, 0.168030442},  {0.036770852, 0.075727545, 0.11593785},
    {0.025990219, 0.053145536, 0.080772263}, {0.018373987, 0.037266176, 0.056271814},
    {0.012936253, 0.02613829, 0.039387631},
};
static const double errors_hip_upper[][3] = {
    {-0.207805347, -0.355574279, -0.475535095}, {-0.146988328, -0.262390832, -0.360864026},
    {-0.103877775, -0.191503663, -0.269311582}, {-0.073452978, -0.138513438, -0.198487447},
    {-0.051982806, -0.099703123, -0.144128618}, {-0.036768609, -0.07138158, -0.104430324},
    {-0.025991325, -0.050854296, -0.0748143},   {-0.01834533, -0.036121138, -0.05327616},
    {-0.012920332, -0.025572893, -0.037896952},
};
static const double errors_lower[][3] = {
    {0.254409839, 0.682266712, 1.304022158}, {0.181817353, 0.443389054, 0.778776219},
    {0.129432281, 0.295782195, 0.49252279},  {0.091640655, 0.201175925, 0.323664385},
    {0.064858051, 0.138523393, 0.218805328}, {0.045851855, 0.095925072, 0.148635751},
    {0.032454144, 0.067009668, 0.102660669}, {0.022921382, 0.046868565, 0.071307398},
    {0.016155679, 0.032825719, 0.049677541},
};
static const double errors_upper[][3] = {
    {-0.256980172, -0.411905944, -0.52651057},  {-0.182332109, -0.310275547, -0.412660505},
    {-0.129314228, -0.230142294, -0.315636197}, {-0.091584836, -0.16834013, -0.236346847},
    {-0.06487411, -0.122045231, -0.174112107},  {-0.04591465, -0.08784505, -0.126917615},
    {-0.032433119, -0.062897613, -0.091862929}, {-0.022960633, -0.044875401, -0.065736049},
    {-0.016186662, -0.031827816, -0.046973459},
};
#define LAST_MEASURED_LG_K 12u
#define COUPON_ERROR (.409 / (1 << 13))

/* Lagrange's cubic through four points. */
static double cubic(const double x[4], const double y[4], double at)
{
    double l0 = (at - x[1]) * (at - x[2]) * (at - x[3]),
           l1 = (at - x[0]) * (at - x[2]) * (at - x[3]);
    double l2 = (at - x[0]) * (at - x[1]) * (at - x[3]),
           l3 = (at - x[0]) * (at - x[1]) * (at - x[2]);
    double d0 = (x[0] - x[1]) * (x[0] - x[2]) * (x[0] - x[3]),
           d1 = (x[1] - x[0]) * (x[1] - x[2]) * (x[1] - x[3]);
    double d2 = (x[2] - x[0]) * (x[2] - x[1]) * (x[2] - x[3]),
           d3 = (x[3] - x[0]) * (x[3] - x[1]) * (x[3] - x[2]);
    return y[0] * l0 / d0 + y[1] * l1 / d1 + y[2] * l2 / d2 + y[3] * l3 / d3;
}

/* First of the four points around `x`: xs[0] <= x < xs[n - 1]. */
static uint32_t first_point(const double *xs, uint32_t n, double x)
{
    uint32_t left = 0, right = n - 1;
    while (left + 1 < right) {
        uint32_t middle = left + (right - left) / 2;
        if (xs[middle] <= x) {
            left = middle;
        } else {
            right = middle;
        }
    }
    return left == 0 ? 0 : left == n - 2 ? n - 4 : left - 1;
}

double weir_hllsketch_coupon_estimate(uint32_t count)
{
    double x = count;
    if (x >= coupon_counts[COUPON_POINTS - 1]) {
        return x == coupon_counts[COUPON_POINTS - 1] ? coupon_values[COUPON_POINTS - 1] : x;
    }
    uint32_t first = first_point(coupon_counts, COUPON_POINTS, x);
    return fmax(cubic(&coupon_counts[first], &coupon_values[first], x), x);
}

static double interpolate(const double *raws, double stride, double raw)
{
    if (raw == raws[TABLE - 1]) {
        return stride * (TABLE - 1);
    }
    uint32_t first = first_point(raws, TABLE, raw);
    double y[4];
    for (uint32_t i = 0; i < 4; i++) {
        y[i] = stride * (first + i);
    }
    return cubic(&raws[first], y, raw);
}

static double raw_estimate(uint32_t lg_k, double kxq)
{
    double k = 1u << lg_k;
    double correction = lg_k == 4   ? 0.673
                        : lg_k == 5 ? 0.697
                        : lg_k == 6 ? 0.709
                                    : 0.7213 / (1.0 + 1.079 / k);
    return correction * k * k / kxq;
}

/* 1 + 1/2 + ... + 1/n; exact sums below 25, Euler's expansion above. */
static double harmonic(uint32_t n)
{
    static const double exact[] = {0.0,
                                   1.0,
                                   1.5,
                                   11.0 / 6.0,
                                   25.0 / 12.0,
                                   137.0 / 60.0,
                                   49.0 / 20.0,
                                   363.0 / 140.0,
                                   761.0 / 280.0,
                                   7129.0 / 2520.0,
                                   7381.0 / 2520.0,
                                   83711.0 / 27720.0,
                                   86021.0 / 27720.0,
                                   1145993.0 / 360360.0,
                                   1171733.0 / 360360.0,
                                   1195757.0 / 360360.0,
                                   2436559.0 / 720720.0,
                                   42142223.0 / 12252240.0,
                                   14274301.0 / 4084080.0,
                                   275295799.0 / 77597520.0,
                                   55835135.0 / 15519504.0,
                                   18858053.0 / 5173168.0,
                                   19093197.0 / 5173168.0,
                                   444316699.0 / 118982864.0,
                                   1347822955.0 / 356948592.0};
    if (n < sizeof(exact) / sizeof(*exact)) {
        return exact[n];
    }
    double x = n, square = 1.0 / (x * x), power = square;
    double sum = log(x) + 0.577215664901532860606512090082 + 1.0 / (2.0 * x);
    sum -= power * (1.0 / 12.0);
    power *= square;
    sum += power * (1.0 / 120.0);
    power *= square;
    sum -= power * (1.0 / 252.0);
    power *= square;
    return sum + power * (1.0 / 240.0);
}

/* From the number of registers that are still 0. */
static double linear_estimate(uint32_t lg_k, uint32_t zeros)
{
    uint32_t k = 1u << lg_k;
    return zeros == 0 ? k * log(k / 0.5) : k * (harmonic(k) - harmonic(zeros));
}

static double composite_estimate(uint32_t lg_k, double kxq, uint32_t zeros)
{
    const double *raws = raw_at[lg_k - WEIR_HLLSKETCH_LEAST_LG_K];
    double stride = strides[lg_k - WEIR_HLLSKETCH_LEAST_LG_K], raw = raw_estimate(lg_k, kxq),
           k = 1u << lg_k;
    if (!(raw >= raws[0])) {
        return 0;
    }
    if (raw > raws[TABLE - 1]) {
        return raw * (stride * (TABLE - 1) / raws[TABLE - 1]);
    }
    double adjusted = interpolate(raws, stride, raw);
    if (adjusted > 3 * k) {
        return adjusted;
    }
    double linear = linear_estimate(lg_k, zeros), crossing = lg_k == 4   ? 0.718
                                                             : lg_k == 5 ? 0.672
                                                                         : 0.64;
    return (adjusted + linear) / 2.0 > crossing * k ? adjusted : linear;
}

/* Zeros and the sum of 2^-register, counted where they are not known. */
static void sums(const weir_hllsketch_view *v, double *kxq, uint32_t *zeros)
{
    uint32_t counts[64];
    *kxq = v->kxq0 + v->kxq1;
    *zeros = v->count;
    if (!v->stale || v->type != WEIR_HLL_8) {
        return;
    }
    weir_hllsketch_histogram(v, counts);
    *zeros = counts[0];
    *kxq = 0;
    for (uint32_t value = 64; value-- > 0;) { /* the small ones first */
        *kxq += counts[value] * weir_hllsketch_power(value);
    }
}

double weir_hllsketch_estimate(const weir_hllsketch_view *v)
{
    double kxq;
    uint32_t zeros;
    if (!v->registers) {
        return weir_hllsketch_coupon_estimate(v->count);
    }
    if (!v->out_of_order) {
        return v->hip;
    }
    sums(v, &kxq, &zeros);
    return composite_estimate(v->lg_k, kxq, zeros);
}

static double error_of(const weir_hllsketch_view *v, bool upper, uint32_t deviations)
{
    if (v->lg_k > LAST_MEASURED_LG_K) {
        return deviations * sqrt(v->out_of_order ? 3.0 * log(2.0) - 1.0 : log(2.0)) /
               sqrt(1u << v->lg_k);
    }
    const double(*table)[3] = v->out_of_order ? (upper ? errors_upper : errors_lower)
                                              : (upper ? errors_hip_upper : errors_hip_lower);
    return fabs(table[v->lg_k - WEIR_HLLSKETCH_LEAST_LG_K][deviations - 1]);
}

double weir_hllsketch_lower(const weir_hllsketch_view *v, uint32_t deviations)
{
    double kxq, estimate = weir_hllsketch_estimate(v);
    uint32_t zeros;
    if (!v->registers) {
        return fmax(estimate / (1.0 + deviations * COUPON_ERROR), v->count);
    }
    sums(v, &kxq, &zeros);
    return fmax(estimate / (1.0 + error_of(v, false, deviations)), (1u << v->lg_k) - zeros);
}

double weir_hllsketch_upper(const weir_hllsketch_view *v, uint32_t deviations)
{
    double estimate = weir_hllsketch_estimate(v);
    if (!v->registers) {
        return fmax(estimate / (1.0 - deviations * COUPON_ERROR), v->count);
    }
    return estimate / (1.0 - error_of(v, true, deviations));
}

static void print_line(weir_buf *out, const char *name, double value)
{
    char text[32];
    weir_buf_printf(out, "  %-15s: ", name);
    weir_buf_put(out, text, weir_print_double(text, value));
    weir_buf_byte(out, '\n');
}

void weir_hllsketch_print(const weir_hllsketch_view *v, weir_hllsketch_type type, weir_buf *out)
{
    static const char *const types[] = {"HLL_4", "HLL_6", "HLL_8"};
    const char *mode = v->registers ? "HLL" : v->count < 8 ? "LIST" : "SET";
    weir_buf_printf(out,
                    "### HLL SKETCH SUMMARY: \n  Log Config K   : %u\n  Hll Target     : %s\n  "
                    "Current Mode   : %s\n",
                    v->lg_k, types[type], mode);
    weir_buf_text(out, "  Memory         : false\n");
    print_line(out, "LB", weir_hllsketch_lower(v, 1));
    print_line(out, "Estimate", weir_hllsketch_estimate(v));
    print_line(out, "UB", weir_hllsketch_upper(v, 1));
    weir_buf_printf(out, "  OutOfOrder Flag: %s\n", v->out_of_order ? "true" : "false");
    if (!v->registers) {
        weir_buf_printf(out, "  Coupon Count   : %u\n", v->count);
        return;
    }
    uint32_t counts[64], least = 0;
    double kxq0 = 0, kxq1 = 0;
    weir_hllsketch_histogram(v, counts);
    for (uint32_t value = 0; value < 64; value++) {
        *(value < 32 ? &kxq0 : &kxq1) += counts[value] * weir_hllsketch_power(value);
    }
    while (type == WEIR_HLL_4 && counts[least] == 0) {
        least++;
    }
    weir_buf_printf(out, "  CurMin         : %u\n  NumAtCurMin    : %u\n", least, counts[least]);
    print_line(out, "HipAccum", v->hip);
    print_line(out, "KxQ0", kxq0);
    print_line(out, "KxQ1", kxq1);
    weir_buf_text(out, "  Rebuild KxQ Flg: false\n");
}
