// gradient_test.cpp: the gradients of norms, attention, pointwise operations, lookups and pools against their formulas in double.
#include "host/operation_test.h"

#include "common/scores.cuh"
#include "common/statistics.cuh"

using emulator::Order;

// As in group_norm_gradient.cu.
template <typename T> struct Norm {
    const T *x, *skip, *dy;
    const float *gamma, *beta;
    Statistics* kept;
    float* totals;
    int hw, x_channels, skip_channels, groups, activation;
    float eps;
};

static double slope_exact(double x, int activation)
{
    const auto gated = [x](double factor) {
        const double gate = 1 / (1 + std::exp(-factor * x));
        return gate * (1 + factor * x * (1 - gate));
    };
    switch (activation) {
    case 1:
        return gated(1);
    case 2:
        return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    case 3:
        return gated(1.702);
    case 4:
        return x > 0;
    default:
        return 1;
    }
}

// Gradients of rows of `count` values that are normalised together: the input's, and what each value adds to scale and shift.
struct Normalised {
    std::vector<double> dx, by_gamma, by_beta;

    Normalised(int count, double eps, int activation, const std::function<double(int)>& x, const std::function<double(int)>& gamma,
               const std::function<double(int)>& beta, const std::function<double(int)>& dy)
        : dx(count), by_gamma(count), by_beta(count)
    {
        double mean = 0, variance = 0, plain = 0, along = 0;
        for (int i = 0; i < count; i++)
            mean += x(i) / count;
        for (int i = 0; i < count; i++)
            variance += std::pow(x(i) - mean, 2) / count;
        const double rstd = 1 / std::sqrt(variance + eps);
        for (int i = 0; i < count; i++) {
            const double n = (x(i) - mean) * rstd;
            by_beta[i] = dy(i) * slope_exact(n * gamma(i) + beta(i), activation);
            by_gamma[i] = by_beta[i] * n;
            plain += gamma(i) * by_beta[i] / count;
            along += gamma(i) * by_gamma[i] / count;
        }
        for (int i = 0; i < count; i++)
            dx[i] = rstd * (gamma(i) * by_beta[i] - plain - (x(i) - mean) * rstd * along);
    }
};

// Rounding: the mean is off by count steps of |x|, which moves n by that times rstd; g and n are up to 5, their means take count steps
// more.
static double norm_error(int count, double mean, double rstd)
{
    return Roundoff * (count + 30) * 40 * (1 + (std::abs(mean) + 5) * rstd) * std::max(1.0, rstd);
}

template <typename T> static void layer(int rows, int columns, double mean)
{
    constexpr float eps = 1e-5f;
    Draws draws(rows + columns);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(rows) * columns, mean), dy = draws.normal<T>(x.size());
    const std::vector<float> gamma = draws.normal<float>(columns, 1, 0.1);
    std::vector<T> dx = unwritten<T>(x.size());
    std::vector<float> dgamma = unwritten<float>(columns), dbeta = unwritten<float>(columns);
    std::vector<Statistics> kept(rows);
    emulator::launch(kernel<T>("layer_norm_gradient"), {static_cast<unsigned>(rows + 3) / 4}, {128}, 0, dx.data(), kept.data(), x.data(),
                     gamma.data(), dy.data(), rows, columns, eps);
    emulator::launch(kernel<T>("layer_norm_totals"), {static_cast<unsigned>(columns + 31) / 32}, {64}, 0, dgamma.data(), dbeta.data(),
                     static_cast<const Statistics*>(kept.data()), x.data(), dy.data(), rows, columns);
    std::vector<double> expected(x.size()), by_gamma(columns), by_beta(columns);
    double rstd = 1;
    for (int row = 0; row < rows; row++) {
        const Normalised n(
            columns, eps, 0, [&](int c) { return to_float(x[row * columns + c]); }, [&](int c) { return gamma[c]; },
            [](int) { return 0.0; }, [&](int c) { return to_float(dy[row * columns + c]); });
        rstd = std::max<double>(rstd, kept[row].rstd);
        for (int c = 0; c < columns; c++) {
            expected[row * columns + c] = n.dx[c];
            by_gamma[c] += n.by_gamma[c];
            by_beta[c] += n.by_beta[c];
        }
    }
    const double error = norm_error(columns, mean, rstd);
    const std::string what = "layer_norm_gradient " + std::to_string(rows) + " x " + std::to_string(columns);
    compare(
        what, dx, [&](size_t i) { return expected[i]; }, [&](size_t) { return error; });
    compare(
        what + ", gamma", dgamma, [&](size_t i) { return by_gamma[i]; }, [&](size_t) { return rows * error; });
    compare(
        what + ", beta", dbeta, [&](size_t i) { return by_beta[i]; }, [&](size_t) { return rows * error; });
}

template <typename T> static void group(int batch, int hw, int channels, int skip, int groups, double mean, int activation, unsigned block)
{
    constexpr float eps = 1e-5f;
    Draws draws(batch + hw + channels);
    const int all = channels + skip, width = all / groups;
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(batch) * hw * channels, mean),
                         second = draws.normal<T>(static_cast<size_t>(batch) * hw * skip, mean),
                         dy = draws.normal<T>(static_cast<size_t>(batch) * hw * all);
    const std::vector<float> gamma = draws.normal<float>(all, 1, 0.1), beta = draws.normal<float>(all);
    std::vector<T> dx = unwritten<T>(dy.size());
    std::vector<Statistics> kept(batch * groups);
    std::vector<float> totals = unwritten<float>(static_cast<size_t>(batch) * 2 * all);
    const Norm<T> norm = {x.data(), second.data(), dy.data(), gamma.data(), beta.data(), kept.data(), totals.data(),
                          hw,       channels,      skip,      groups,       activation,  eps};
    const dim3 grid(groups, batch), by_column((all + 31) / 32, batch);
    emulator::launch(kernel<T>("group_norm_statistics"), grid, {block}, 0, norm);
    emulator::launch(kernel<T>("group_norm_totals"), by_column, {block}, 0, norm);
    emulator::launch(kernel<T>("group_norm_gradient"), grid, {block}, 0, dx.data(), norm);
    std::vector<double> expected(dx.size()), sums(totals.size());
    double rstd = 1;
    for (int b = 0; b < batch; b++) {
        for (int g = 0; g < groups; g++) {
            const auto place = [&](int i) { return (static_cast<size_t>(b) * hw + i / width) * all + g * width + i % width; };
            const auto channel = [&](int i) { return g * width + i % width; };
            const Normalised n(
                width * hw, eps, activation,
                [&](int i) {
                    const size_t position = static_cast<size_t>(b) * hw + i / width;
                    const int c = channel(i);
                    return to_float(c < channels ? x[position * channels + c] : second[position * skip + c - channels]);
                },
                [&](int i) { return gamma[channel(i)]; }, [&](int i) { return beta[channel(i)]; },
                [&](int i) { return to_float(dy[place(i)]); });
            rstd = std::max<double>(rstd, kept[b * groups + g].rstd);
            for (int i = 0; i < width * hw; i++) {
                expected[place(i)] = n.dx[i];
                sums[static_cast<size_t>(b) * 2 * all + channel(i)] += n.by_beta[i];
                sums[static_cast<size_t>(b) * 2 * all + all + channel(i)] += n.by_gamma[i];
            }
        }
    }
    const double error = norm_error(width * hw, mean, rstd);
    const std::string what = "group_norm_gradient " + std::to_string(hw) + " x " + std::to_string(all) + ", block " + std::to_string(block);
    compare(
        what, dx, [&](size_t i) { return expected[i]; }, [&](size_t) { return error; });
    compare(
        what + ", totals", totals, [&](size_t i) { return sums[i]; }, [&](size_t) { return hw * error; });
}

template <typename T> static void pointwise()
{
    Draws draws(3);
    const int rows = 3, columns = 7;
    const std::vector<T> a = draws.normal<T>(rows * columns, 0, 2), b = draws.normal<T>(a.size()), sums = draws.normal<T>(2 * a.size());
    for (int activation = 1; activation <= 4; activation++) {
        std::vector<T> dx = unwritten<T>(a.size());
        emulator::launch(kernel<T>("activate_gradient"), {1}, {32}, 0, dx.data(), a.data(), b.data(), dx.size(), activation);
        compare(
            "activate_gradient " + std::to_string(activation), dx,
            [&](size_t i) { return to_float(b[i]) * slope_exact(to_float(a[i]), activation); },
            [&](size_t i) { return Roundoff * 30 * std::abs(to_float(b[i])); }); // ten roundings of a slope, whose terms are below 3
    }
    std::vector<T> y = unwritten<T>(a.size()), dsums = unwritten<T>(sums.size()), some = unwritten<T>(rows * 2);
    emulator::launch(kernel<T>("multiply"), {1}, {32}, 0, y.data(), a.data(), b.data(), y.size());
    compare(
        "multiply", y, [&](size_t i) { return static_cast<double>(to_float(a[i])) * to_float(b[i]); },
        [&](size_t i) { return Roundoff * std::abs(to_float(a[i]) * to_float(b[i])); });
    const auto value = [&](size_t i) { return static_cast<double>(to_float(sums[i / columns * 2 * columns + i % columns])); };
    const auto gated = [&](size_t i) { return static_cast<double>(to_float(sums[i / columns * 2 * columns + columns + i % columns])); };
    emulator::launch(kernel<T>("gate"), {1}, {32}, 0, y.data(), sums.data(), y.size(), columns);
    compare(
        "gate", y, [&](size_t i) { return value(i) * gelu_exact(gated(i)); }, [&](size_t i) { return Roundoff * 40 * std::abs(value(i)); });
    emulator::launch(kernel<T>("gate_gradient"), {1}, {32}, 0, dsums.data(), sums.data(), b.data(), y.size(), columns);
    compare(
        "gate_gradient", dsums,
        [&](size_t at) {
            const size_t i = at / (2 * columns) * columns + at % columns;
            return at % (2 * columns) < columns ? to_float(b[i]) * gelu_exact(gated(i))
                                                : to_float(b[i]) * value(i) * slope_exact(gated(i), 2);
        },
        [&](size_t) { return Roundoff * 30 * 20; });
    emulator::launch(kernel<T>("columns"), {1}, {32}, 0, some.data(), a.data(), some.size(), columns, 4, 2);
    compare(
        "columns", some, [&](size_t i) { return to_float(a[i / 2 * columns + 4 + i % 2]); }, [](size_t) { return 0.0; });
}

// As in attention_gradient.cu.
struct RowSums {
    float log_sum, pull;
};
template <typename T> struct AttentionGradient {
    Attention<T> a;
    const T* dy;
    T *dq, *dk, *dv, *dbias, *dgate;
    RowSums* rows;
};

struct Heads {
    int batch, queries, keys, heads, width;
    bool causal, bias, gate;
};

// One key; ragged blocks of 32 either way; the widths of all three forms; masks, with more queries than keys; bias and gate.
static const Heads heads[] = {{1, 1, 1, 1, 4, false, false, false},   {2, 33, 35, 2, 8, false, false, false},
                              {1, 5, 37, 1, 70, false, false, false}, {1, 4, 3, 1, 163, false, false, false},
                              {1, 37, 37, 2, 7, true, false, false},  {1, 40, 34, 1, 5, true, false, false},
                              {2, 9, 11, 3, 6, false, true, false},   {2, 33, 34, 2, 6, false, true, true}};

template <typename T> static void attention(const Heads& h)
{
    Draws draws(h.queries + h.keys + h.width);
    const int pitch = h.heads * h.width;
    const float scale = 1 / std::sqrt(static_cast<float>(h.width));
    const std::vector<T> q = draws.normal<T>(static_cast<size_t>(h.batch) * h.queries * pitch),
                         k = draws.normal<T>(static_cast<size_t>(h.batch) * h.keys * pitch), v = draws.normal<T>(k.size()),
                         dy = draws.normal<T>(q.size()), bias = draws.normal<T>(static_cast<size_t>(h.heads) * h.queries * h.keys),
                         gate = draws.normal<T>(static_cast<size_t>(h.batch) * h.queries * h.heads, 1, 0.3);
    std::vector<T> dq = unwritten<T>(q.size()), dk = unwritten<T>(k.size()), dv = unwritten<T>(k.size()), dbias = unwritten<T>(bias.size()),
                   dgate = unwritten<T>(gate.size());
    std::vector<RowSums> rows(static_cast<size_t>(h.batch) * h.heads * h.queries);
    const AttentionGradient<T> g = {{nullptr, q.data(), k.data(), v.data(), h.bias ? bias.data() : nullptr, h.gate ? gate.data() : nullptr,
                                     h.queries, h.keys, h.heads, h.width, h.causal, scale},
                                    dy.data(),
                                    dq.data(),
                                    dk.data(),
                                    dv.data(),
                                    h.bias ? dbias.data() : nullptr,
                                    h.gate ? dgate.data() : nullptr,
                                    rows.data()};
    const std::string form = h.width <= 64 ? "_2" : h.width <= 160 ? "_5" : "_16";
    const size_t shared = (32 * (h.width + 1) + 64 * 32) * sizeof(float);
    const auto blocks = [&](int count) { return dim3((count + 31) / 32, h.heads, h.batch); };
    emulator::launch(kernel<T>("attention_gradient_queries") + form, blocks(h.queries), {256}, shared, g);
    emulator::launch(kernel<T>("attention_gradient_keys") + form, blocks(h.keys), {256}, shared, g);
    if (h.bias)
        emulator::launch(kernel<T>("attention_gradient_bias"), {1, static_cast<unsigned>(h.queries), static_cast<unsigned>(h.heads)}, {64},
                         0, g, h.batch);

    std::vector<double> by_q(q.size()), by_k(k.size()), by_v(k.size()), by_bias(bias.size()), by_gate(gate.size()), p(h.keys), dp(h.keys);
    for (int b = 0; b < h.batch; b++) {
        for (int head = 0; head < h.heads; head++) {
            for (int i = 0; i < h.queries; i++) {
                const size_t row = (static_cast<size_t>(b) * h.queries + i) * pitch + head * h.width;
                const size_t biases = (static_cast<size_t>(head) * h.queries + i) * h.keys, own = (b * h.queries + i) * h.heads + head;
                const int seen = h.causal ? std::min(h.keys, i + 1) : h.keys;
                const double factor = h.gate ? to_float(gate[own]) : 1.0;
                const auto key = [&](int j) { return (static_cast<size_t>(b) * h.keys + j) * pitch + head * h.width; };
                double total = 0, pull = 0;
                for (int j = 0; j < seen; j++) {
                    double score = 0;
                    dp[j] = 0;
                    for (int c = 0; c < h.width; c++) {
                        score += static_cast<double>(to_float(q[row + c])) * to_float(k[key(j) + c]);
                        dp[j] += static_cast<double>(to_float(dy[row + c])) * to_float(v[key(j) + c]);
                    }
                    total += p[j] = std::exp(scale * score + (h.bias ? factor * to_float(bias[biases + j]) : 0.0));
                }
                for (int j = 0; j < seen; j++)
                    pull += p[j] / total * dp[j];
                for (int j = 0; j < seen; j++) {
                    const double ds = p[j] / total * (dp[j] - pull);
                    by_bias[biases + j] += factor * ds;
                    by_gate[own] += ds * to_float(bias[biases + j]);
                    for (int c = 0; c < h.width; c++) {
                        by_q[row + c] += scale * ds * to_float(k[key(j) + c]);
                        by_k[key(j) + c] += scale * ds * to_float(q[row + c]);
                        by_v[key(j) + c] += p[j] / total * to_float(dy[row + c]);
                    }
                }
            }
        }
    }
    // dp is a sum of `width` products and up to 4 sqrt(width) large; a share is off by its score's error and that of the sum over the keys.
    // Products of the two are added over keys or queries, and those factors are up to 4.
    const double size = 4 * std::sqrt(h.width), share = 2 * sum_error(h.width, 1) + Roundoff * (2 * h.keys + 20);
    const double error =
        4 * (share * size + sum_error(h.width, 1)) * std::sqrt(std::max(h.keys, h.queries)) + 8 * Roundoff * size * (h.keys + h.queries);
    const std::string what =
        "attention_gradient " + std::to_string(h.queries) + " x " + std::to_string(h.keys) + " x " + std::to_string(h.width);
    const auto hold = [&](const char* name, const std::vector<T>& found, const std::vector<double>& expected) {
        compare(
            what + name, found, [&](size_t i) { return expected[i]; }, [&](size_t) { return error; });
    };
    hold(", q", dq, by_q);
    hold(", k", dk, by_k);
    hold(", v", dv, by_v);
    if (h.bias) hold(", bias", dbias, by_bias);
    if (h.gate) hold(", gate", dgate, by_gate);
}

// As in token_embedding_gradient.cu.
struct Embedding {
    const int* ids;
    int batch, length, width, placeholder_id, placeholders, shared, source;
};

template <typename T> static void lookups()
{
    Draws draws(9);
    {
        const int batch = 2, length = 5, width = 3, first = 7, places = 2;
        const std::vector<int> ids = {0, 7, 4, 4, 8, 0, 8, 7, 7, 6};
        const std::vector<T> dy = draws.normal<T>(batch * length * width);
        for (int source = 0; source < 3; source++) {
            for (const int shared : {0, 1}) {
                const int rows = source == 0 ? 8 : source == 1 ? 6 : places * (shared ? 1 : batch);
                std::vector<float> y = unwritten<float>(rows * width);
                emulator::launch(kernel<T>("token_embedding_gradient"), {static_cast<unsigned>(rows)}, {32}, 0, y.data(), dy.data(),
                                 Embedding{ids.data(), batch, length, width, first, places, shared, source});
                compare(
                    "token_embedding_gradient " + std::to_string(source), y,
                    [&](size_t i) {
                        double sum = 0;
                        for (int m = 0; m < batch * length; m++) {
                            const bool stands = ids[m] >= first && ids[m] < first + places;
                            const int row = source == 1   ? m % length
                                            : source == 0 ? (stands ? -1 : ids[m])
                                            : !stands     ? -1
                                                          : ids[m] - first + (shared ? 0 : m / length * places);
                            if (row == static_cast<int>(i) / width) sum += to_float(dy[m * width + i % width]);
                        }
                        return sum;
                    },
                    [](size_t) { return sum_error(4, 4); });
            }
        }
    }
    {
        const int length = 4, heads = 2, rows = 3;
        const std::vector<int> buckets = {0, 1, 0, 2, 2, 1, 1};
        const std::vector<T> dy = draws.normal<T>(heads * length * length);
        std::vector<float> y = unwritten<float>(rows * heads);
        emulator::launch(kernel<T>("relative_position_bias_gradient"), {rows, heads}, {32}, 0, y.data(), buckets.data(), dy.data(), length);
        compare(
            "relative_position_bias_gradient", y,
            [&](size_t at) {
                double sum = 0;
                for (int i = 0; i < length; i++)
                    for (int j = 0; j < length; j++)
                        if (buckets[j - i + length - 1] == static_cast<int>(at) / heads)
                            sum += to_float(dy[(at % heads * length + i) * length + j]);
                return sum;
            },
            [](size_t) { return sum_error(16, 4); });
    }
    {
        const int positions = 37, heads = 3;
        const std::vector<T> p = draws.normal<T>(positions * heads * 8), dy = draws.normal<T>(positions * heads);
        const std::vector<float> scale = draws.normal<float>(heads);
        std::vector<T> dp = unwritten<T>(p.size());
        std::vector<float> dscale = unwritten<float>(heads);
        emulator::launch(kernel<T>("relative_position_gate_gradient"), {heads}, {64}, 0, dp.data(), dscale.data(), p.data(), scale.data(),
                         dy.data(), positions, heads);
        const auto half = [&](size_t i, int from) {
            double sum = 0;
            for (int k = from; k < from + 4; k++)
                sum += to_float(p[i * 8 + k]);
            return 1 / (1 + std::exp(-sum));
        };
        compare(
            "relative_position_gate_gradient", dp,
            [&](size_t at) {
                const size_t i = at / 8;
                const double a = half(i, 0), b = half(i, 4), s = scale[i % heads], up = to_float(dy[i]);
                return at % 8 < 4 ? up * (b * s - 1) * a * (1 - a) : up * a * s * b * (1 - b);
            },
            [](size_t) { return Roundoff * 30 * 16; });
        compare(
            "relative_position_gate_gradient, scale", dscale,
            [&](size_t head) {
                double sum = 0;
                for (int i = 0; i < positions; i++)
                    sum += to_float(dy[i * heads + head]) * half(i * heads + head, 0) * half(i * heads + head, 4);
                return sum;
            },
            [](size_t) { return sum_error(37, 4) + 37 * Roundoff * 60; });
    }
}

template <typename T> static void pools(int length, int width)
{
    Draws draws(length + width);
    const int batch = 2;
    const std::vector<T> values = draws.normal<T>(batch * length * width), scores = draws.normal<T>(batch * length, 0, 3),
                         dy = draws.normal<T>(batch * width), factors = draws.normal<T>(batch * length);
    std::vector<T> dvalues = unwritten<T>(values.size()), dscores = unwritten<T>(scores.size()), dx = unwritten<T>(values.size());
    emulator::launch(kernel<T>("attention_pool_gradient"), {batch}, {64}, 2 * length * sizeof(float), dvalues.data(), dscores.data(),
                     values.data(), scores.data(), dy.data(), length, width);
    std::vector<double> share(scores.size()), slope(scores.size()), pull(batch);
    for (int b = 0; b < batch; b++) {
        double total = 0;
        for (int t = b * length; t < (b + 1) * length; t++)
            total += share[t] = std::exp(to_float(scores[t]));
        for (int t = b * length; t < (b + 1) * length; t++) {
            share[t] /= total;
            for (int c = 0; c < width; c++)
                slope[t] += static_cast<double>(to_float(dy[b * width + c])) * to_float(values[t * width + c]);
            pull[b] += share[t] * slope[t];
        }
    }
    const double error = 4 * sum_error(width, 2) + Roundoff * (4 * length + 60) * 8 * std::sqrt(width);
    compare(
        "attention_pool_gradient, values", dvalues,
        [&](size_t i) { return share[i / width] * to_float(dy[i / width / length * width + i % width]); }, [&](size_t) { return error; });
    compare(
        "attention_pool_gradient, scores", dscores, [&](size_t i) { return share[i] * (slope[i] - pull[i / length]); },
        [&](size_t) { return error; });

    // Of a zero row the norm counts as 1e-12, and constant.
    std::vector<T> x = values;
    std::fill_n(x.begin(), width, from_float<T>(0));
    const std::vector<float> directions = draws.normal<float>(batch * width, 0, 1e-3);
    std::vector<float> inverse = unwritten<float>(scores.size());
    const dim3 grid((batch * length + 3) / 4);
    const auto norm = [&](size_t row) {
        double squares = 0;
        for (int c = 0; c < width; c++)
            squares += std::pow(to_float(x[row * width + c]), 2);
        return std::max(std::sqrt(squares), 1e-12);
    };
    emulator::launch(kernel<T>("weighted_inverse_norm"), grid, {128}, 0, inverse.data(), x.data(), factors.data(), batch * length, width);
    compare(
        "weighted_inverse_norm", inverse, [&](size_t row) { return to_float(factors[row]) / norm(row); },
        [&](size_t row) { return Roundoff * (width + 10) * std::abs(to_float(factors[row])) / norm(row); });
    x = values;
    emulator::launch(kernel<T>("normalise_gradient"), grid, {128}, 0, dx.data(), x.data(), directions.data(), factors.data(),
                     batch * length, length, width);
    compare(
        "normalise_gradient", dx,
        [&](size_t i) {
            const size_t row = i / width, b = row / length;
            double along = 0;
            for (int c = 0; c < width; c++)
                along += to_float(x[row * width + c]) * directions[b * width + c];
            const double own = norm(row);
            return to_float(factors[row]) / own * (directions[b * width + i % width] - to_float(x[i]) / own * along / own);
        },
        [&](size_t i) { return Roundoff * (3 * width + 30) * 4 * 5e-3 * std::sqrt(width) * 4 / std::max(norm(i / width), 1e-3); });
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 19);
        for_each_storage([](auto type) {
            using T = decltype(type);
            layer<T>(3, 5, 0);
            layer<T>(67, 17, 2);
            layer<T>(9, 320, 5);
            group<T>(1, 1, 8, 0, 2, 0, 0, 32);
            group<T>(2, 35, 12, 0, 3, 5, 1, 64);
            group<T>(2, 13, 9, 3, 2, 1, 1, 256);
            pointwise<T>();
            for (const Heads& h : heads)
                attention<T>(h);
            lookups<T>();
            pools<T>(1, 5);
            pools<T>(9, 70);
        });
    }
    return failures != 0;
}
