// norm_test.cpp: group_norm and layer_norm against their formulas in double.
#include "host/operation_test.h"

using emulator::Order;

struct Group {
    int batch, hw, channels, skip, groups;
    double mean; // of the input; its deviation is 1
    int silu;
};

// One value a group; 105 elements, so that the last warp is ragged; means that show a variance that cancels; a group of one channel; fewer
// elements than threads; two sources with groups that hold both; groups of Stable Diffusion's own width.
static const Group groups[] = {{1, 1, 8, 0, 8, 0, 0}, {2, 35, 24, 0, 8, 50, 0},  {2, 21, 15, 0, 3, 50, 1}, {1, 301, 4, 0, 4, 0, 1},
                               {3, 7, 6, 0, 2, 0, 0}, {2, 31, 40, 24, 4, 50, 1}, {2, 13, 9, 3, 2, 0, 0},   {1, 64, 40, 40, 4, 1, 1}};

// Mean and reciprocal deviation of what `value` gives.
static std::pair<double, double> statistics(int count, double epsilon, const std::function<double(int)>& value)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < count; i++)
        mean += value(i) / count;
    for (int i = 0; i < count; i++)
        variance += std::pow(value(i) - mean, 2) / count;
    return {mean, 1 / std::sqrt(variance + epsilon)};
}

// Rounding of fp32: a sum takes a step for each element of a thread and ten for the tree, and an error of the mean shifts the result times
// the scale; the variance does the same relative to the result; six steps for the formula; SiLU's slope is at most 1.1.
static double norm_error(double terms, double largest, double scale, double centred, double result)
{
    const double steps = terms + 10;
    return Roundoff * 1.1 * (steps * largest * std::abs(scale) + (steps + 6) * (std::abs(centred * scale) + std::abs(result)) + 6);
}

constexpr float Epsilon = 1e-5f;

// Draws the operands, has `launch(y, x, skip, gamma, beta)` normalise them and holds the result to the formula; `error(scale, centred,
// result)` is what fp32 may lose.
template <typename T, typename Launch, typename Error>
static void check_group(const std::string& name, const Group& k, Launch launch, Error error)
{
    Draws draws(7);
    const int channels = k.channels + k.skip, width = channels / k.groups;
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(k.batch) * k.hw * k.channels, k.mean),
                         skip = draws.normal<T>(static_cast<size_t>(k.batch) * k.hw * k.skip, k.mean);
    const std::vector<float> gamma = draws.normal<float>(channels, 1, 0.1), beta = draws.normal<float>(channels);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(k.batch) * k.hw * channels);
    launch(y.data(), x.data(), k.skip > 0 ? skip.data() : nullptr, gamma.data(), beta.data());

    const auto value = [&](size_t position, int c) {
        return static_cast<double>(to_float(c < k.channels ? x[position * k.channels + c] : skip[position * k.skip + c - k.channels]));
    };
    std::vector<std::pair<double, double>> own(k.batch * k.groups);
    for (int b = 0; b < k.batch; b++)
        for (int g = 0; g < k.groups; g++)
            own[b * k.groups + g] = statistics(
                width * k.hw, Epsilon, [&](int i) { return value(static_cast<size_t>(b) * k.hw + i / width, g * width + i % width); });
    const auto at = [&](size_t i, bool allowed) {
        const size_t position = i / channels;
        const int c = static_cast<int>(i % channels);
        const auto [mean, rstd] = own[position / k.hw * k.groups + c / width];
        const double centred = value(position, c) - mean, scale = rstd * gamma[c], result = centred * scale + beta[c];
        return allowed ? error(scale, centred, result) : activated_exact(result, k.silu);
    };
    compare(
        name + " " + std::to_string(k.hw) + " x " + std::to_string(channels) + ", " + std::to_string(k.groups) + " groups", y,
        [&](size_t i) { return at(i, false); }, [&](size_t i) { return at(i, true); });
}

template <typename T> static void plain_group(const Group& k, unsigned block)
{
    const int count = (k.channels + k.skip) / k.groups * k.hw;
    check_group<T>(
        "group_norm_plain, block " + std::to_string(block) + ",", k,
        [&](T* y, const T* x, const T* skip, const float* gamma, const float* beta) {
            emulator::launch(kernel<T>("group_norm_plain"), {static_cast<unsigned>(k.groups), static_cast<unsigned>(k.batch)}, {block}, 0,
                             y, x, skip, gamma, beta, k.hw, k.channels, k.skip, Epsilon, k.silu);
        },
        [&](double scale, double centred, double result) {
            return norm_error((count + block - 1) / block, std::abs(k.mean) + 5, scale, centred, result);
        });
}

// As Group in group_norm.cu.
struct GroupParameters {
    int hw, x_channels, skip_channels, share, width, bundle, packs;
    unsigned width_inverse, packs_inverse;
    int cluster_bits, row_bits, kept, activation;
    float epsilon;
};

struct Bundled {
    Group group;
    int bundle, row_bits, kept, cluster_bits;
};

// The denoiser's first width, whose packs hold two groups; as many positions as a thread cannot keep; blocks of a cluster with fewer
// positions and with none; two sources with a group that holds both; the decoder's width, two groups a pack; widths one below a pack and of
// many packs; threads that keep one pack, all and some of those that they have.
static const Bundled bundled[] = {
    {{2, 70, 80, 0, 8, 1, 1}, 4, 4, 8, 0},     {{1, 300, 80, 0, 8, 50, 0}, 4, 3, 8, 0},  {{2, 37, 80, 0, 8, 0, 1}, 8, 2, 4, 2},
    {{1, 9, 40, 40, 8, 50, 1}, 4, 2, 1, 3},    {{2, 31, 24, 40, 4, 50, 1}, 1, 2, 8, 1},  {{1, 67, 32, 0, 8, 50, 1}, 4, 5, 2, 1},
    {{1, 21, 56, 0, 8, -1000, 0}, 8, 2, 8, 0}, {{2, 13, 80, 160, 3, 1, 0}, 1, 1, 16, 1}, {{1, 150, 8, 8, 2, 0, 1}, 2, 5, 3, 3}};

template <typename T> static void bundled_group(const Bundled& k)
{
    constexpr int Width = Pack<T>::count;
    const Group& g = k.group;
    const int width = (g.channels + g.skip) / g.groups, rows = 1 << k.row_bits, packs = k.bundle * width / Width;
    const unsigned threads = static_cast<unsigned>(rows * packs + 31) / 32 * 32;
    const size_t shared = 16 * k.kept * threads + sizeof(float) * (2 * k.bundle * width + 4 * rows * packs + 4 * packs + 2 * k.bundle);
    // A thread adds its packs, then their columns; a lane those of a column's rows, then of a group's columns in all blocks; ten for the
    // two trees, and six for what the moments of each level cost.
    const int own = (g.hw + rows - 1) / rows, columns = width / Width + 2;
    const int terms = own + Width + rows / 32 + columns * (1 << k.cluster_bits) / 32 + 18;
    check_group<T>(
        "group_norm, " + std::to_string(1 << k.cluster_bits) + " blocks,", g,
        [&](T* y, const T* x, const T* skip, const float* gamma, const float* beta) {
            const auto inverse = [](int d) { return ((1u << 31) - 1) / static_cast<unsigned>(d) + 1; };
            const int share = (g.hw + (1 << k.cluster_bits) - 1) >> k.cluster_bits;
            const GroupParameters parameters = {g.hw,           g.channels,     g.skip,         share,      width,  k.bundle, packs,
                                                inverse(width), inverse(packs), k.cluster_bits, k.row_bits, k.kept, g.silu,   Epsilon};
            const unsigned clusters = static_cast<unsigned>(g.groups / k.bundle), cluster = 1u << k.cluster_bits;
            emulator::launch_clusters(cluster, kernel<T>("group_norm"), {clusters * cluster, static_cast<unsigned>(g.batch)}, {threads},
                                      shared, y, x, skip, gamma, beta, parameters);
        },
        // Distances are at most 10. The means of rows, columns and groups are rounded; half types multiply the mean by the factor.
        [&](double scale, double centred, double result) {
            return norm_error(terms, 10, scale, centred, result) + 1.1 * Roundoff * 5 * (std::abs(g.mean) + 5) * std::abs(scale);
        });
}

// As MomentsNorm in group_norm_moments.cu.
struct MomentsParameters {
    int hw, x_channels, skip_channels, x_tile, skip_tile, share, width, bundle, packs;
    unsigned width_inverse, packs_inverse;
    int activation;
    float epsilon;
};

struct Told {
    Group group;
    int bundle, x_tile, skip_tile, share;
    unsigned threads;
};

// The denoiser's first width, whose packs hold two groups; one tile a sample, and several; sources with tiles of their own and a group that
// holds both; a bundle that lies in the skip alone; a share of fewer positions than a block has rows, of more than a thread asks for ahead,
// and a last one that is short; more groups than warps; large means.
static const Told told[] = {{{2, 64, 80, 0, 8, 0, 1}, 4, 64, 64, 13, 64},       {{1, 320, 80, 0, 8, 50, 0}, 8, 64, 64, 100, 32},
                            {{3, 128, 40, 40, 8, 50, 1}, 4, 64, 128, 128, 256}, {{2, 128, 24, 40, 4, -1000, 1}, 1, 128, 64, 50, 32},
                            {{1, 192, 16, 8, 3, 1, 0}, 1, 96, 64, 7, 96},       {{2, 64, 64, 0, 16, 0, 0}, 16, 32, 32, 64, 128}};

// What a product tells of its result: mean and squares about it, of each channel of each tile of positions.
template <typename T> static std::vector<float2> moments(const std::vector<T>& x, int channels, int tile)
{
    std::vector<float2> all(x.size() / tile);
    for (size_t i = 0; i < all.size(); i++) {
        const auto value = [&](int r) { return to_float(x[(i / channels * tile + r) * channels + i % channels]); };
        double mean = 0, squares = 0;
        for (int r = 0; r < tile; r++)
            mean += value(r) / tile;
        for (int r = 0; r < tile; r++)
            squares += std::pow(value(r) - mean, 2);
        all[i] = {static_cast<float>(mean), static_cast<float>(squares)};
    }
    return all;
}

template <typename T> static void told_group(const Told& k)
{
    const Group& g = k.group;
    const int width = (g.channels + g.skip) / g.groups, packs = k.bundle * width / Pack<T>::count;
    const auto tiles = [&](int tile, int channels) { return static_cast<size_t>(g.hw) / tile * std::min(channels, k.bundle * width); };
    const size_t shared = sizeof(float2) * (tiles(k.x_tile, g.channels) + tiles(k.skip_tile, g.skip) + k.bundle * width + k.bundle);
    // A lane adds a share of the group's moments; ten for the tree, six for what joins two sources.
    const double terms = (tiles(k.x_tile, width) + tiles(k.skip_tile, width)) / 32.0 + 16;
    check_group<T>(
        "group_norm_moments", g,
        [&](T* y, const T* x, const T* skip, const float* gamma, const float* beta) {
            const auto inverse = [](int d) { return ((1u << 31) - 1) / static_cast<unsigned>(d) + 1; };
            const auto of = [&](const T* from, int channels, int tile) {
                return moments<T>({from, from + static_cast<size_t>(g.batch) * g.hw * channels}, channels, tile);
            };
            const std::vector<float2> x_moments = of(x, g.channels, k.x_tile), skip_moments = of(skip, g.skip, k.skip_tile);
            const MomentsParameters parameters = {g.hw,     g.channels, g.skip,         k.x_tile,       k.skip_tile, k.share, width,
                                                  k.bundle, packs,      inverse(width), inverse(packs), g.silu,      Epsilon};
            const dim3 grid = {static_cast<unsigned>(g.groups / k.bundle), static_cast<unsigned>((g.hw + k.share - 1) / k.share),
                               static_cast<unsigned>(g.batch)};
            emulator::launch(kernel<T>("group_norm_moments"), grid, {k.threads}, shared, y, x, skip, x_moments.data(), skip_moments.data(),
                             gamma, beta, parameters);
        },
        // Distances of means are at most 10. Means of tiles and groups are rounded; half types multiply the mean by the factor. A rounded
        // mean of a tile is off in its distance from the group's, whose square is a part of the variance, 1.
        [&](double scale, double centred, double result) {
            return norm_error(terms, 10, scale, centred, result) + 1.1 * Roundoff * 5 * (std::abs(g.mean) + 5) * std::abs(scale) +
                   Roundoff * std::abs(g.mean) * std::abs(centred * scale);
        });
}

// As LayerNorm in layer_norm.cu.
struct LayerParameters {
    int rows, channels;
    float epsilon;
};

template <typename T> static void layer(const std::string& form, int lanes, int rows, int columns, double mean)
{
    Draws draws(8);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(rows) * columns, mean);
    const std::vector<float> gamma = draws.normal<float>(columns, 1, 0.1), beta = draws.normal<float>(columns);
    std::vector<T> y = unwritten<T>(x.size());
    emulator::launch(kernel<T>("layer_norm") + form, {static_cast<unsigned>(rows * lanes + 127) / 128}, {128}, 0, y.data(), x.data(),
                     gamma.data(), beta.data(), LayerParameters{rows, columns, Epsilon});
    std::vector<std::pair<double, double>> own;
    for (int row = 0; row < rows; row++)
        own.push_back(statistics(columns, Epsilon, [&](int c) { return to_float(x[static_cast<size_t>(row) * columns + c]); }));
    const auto at = [&](size_t i, bool error) {
        const size_t row = i / columns * columns;
        const auto [average, rstd] = own[i / columns];
        const double centred = to_float(x[i]) - average, scale = rstd * gamma[i - row], result = centred * scale + beta[i - row];
        return error ? norm_error((columns + lanes - 1) / lanes, std::abs(mean) + 5, scale, centred, result) : result;
    };
    compare(
        "layer_norm" + form + " " + std::to_string(rows) + " x " + std::to_string(columns), y, [&](size_t i) { return at(i, false); },
        [&](size_t i) { return at(i, true); });
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 3);
        for_each_storage([](auto type) {
            using T = decltype(type);
            for (const Group& k : groups)
                for (const unsigned block : {32u, 64u, 256u})
                    plain_group<T>(k, block);
            for (const Bundled& k : bundled)
                bundled_group<T>(k);
            for (const Told& k : told)
                told_group<T>(k);
            layer<T>("", 32, 3, 1, 0);
            layer<T>("", 32, 7, 5, 0);
            layer<T>("", 32, 1, 17, 50);
            layer<T>("", 32, 9, 320, 50);
            // Whole packs: one, a last one of some lanes, and all that a form holds; warps with rows beyond the last.
            layer<T>("_8", 8, 7, 8, 0);
            layer<T>("_8", 8, 17, 40 * Pack<T>::count, 50);
            layer<T>("_16", 16, 5, 168, 50);
            layer<T>("_16", 16, 9, 80 * Pack<T>::count, -1000);
            layer<T>("_32", 32, 6, 160 * Pack<T>::count, 0);
            layer<T>("_wide", 32, 5, 176 * Pack<T>::count, 50);
            layer<T>("_wide", 32, 3, 320 * Pack<T>::count, 50);
        });
    }
    return failures != 0;
}
