// norm_test.cpp: group_norm and layer_norm against their formulas in double.
#include "host/operation_test.h"

using emulator::Order;

struct Group {
    int batch, hw, channels, skip, groups;
    double mean; // of the input; its deviation is 1
    int silu;
};

// One value a group; 105 elements, so that the last warp is ragged; means that show a variance that cancels; a group of one channel; fewer
// elements than threads; two sources with groups that hold both; a block of Stable Diffusion's own (320 channels, 32 groups) at 8 x 8.
static const Group groups[] = {{1, 1, 32, 0, 32, 0, 0}, {2, 35, 96, 0, 32, 50, 0}, {2, 21, 15, 0, 3, 50, 1}, {1, 301, 4, 0, 4, 0, 1},
                               {3, 7, 6, 0, 2, 0, 0},   {2, 31, 40, 24, 4, 50, 1}, {2, 13, 9, 3, 2, 0, 0},   {1, 64, 320, 320, 32, 1, 1}};

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

template <typename T> static void group(const Group& k, unsigned block)
{
    constexpr float epsilon = 1e-5f;
    Draws draws(7);
    const int channels = k.channels + k.skip, width = channels / k.groups;
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(k.batch) * k.hw * k.channels, k.mean),
                         skip = draws.normal<T>(static_cast<size_t>(k.batch) * k.hw * k.skip, k.mean);
    const std::vector<float> gamma = draws.normal<float>(channels, 1, 0.1), beta = draws.normal<float>(channels);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(k.batch) * k.hw * channels);
    emulator::launch(kernel<T>("group_norm"), {static_cast<unsigned>(k.groups), static_cast<unsigned>(k.batch)}, {block}, 0, y.data(),
                     x.data(), k.skip > 0 ? skip.data() : nullptr, gamma.data(), beta.data(), k.hw, k.channels, k.skip, epsilon, k.silu);

    const auto value = [&](size_t position, int c) {
        return static_cast<double>(to_float(c < k.channels ? x[position * k.channels + c] : skip[position * k.skip + c - k.channels]));
    };
    std::vector<std::pair<double, double>> own(k.batch * k.groups);
    for (int b = 0; b < k.batch; b++)
        for (int g = 0; g < k.groups; g++)
            own[b * k.groups + g] = statistics(
                width * k.hw, epsilon, [&](int i) { return value(static_cast<size_t>(b) * k.hw + i / width, g * width + i % width); });
    const auto at = [&](size_t i, bool error) {
        const size_t position = i / channels;
        const int c = static_cast<int>(i % channels);
        const auto [mean, rstd] = own[position / k.hw * k.groups + c / width];
        const double centred = value(position, c) - mean, scale = rstd * gamma[c], result = centred * scale + beta[c];
        return error ? norm_error((width * k.hw + block - 1) / block, std::abs(k.mean) + 5, scale, centred, result)
                     : activated_exact(result, k.silu);
    };
    compare(
        "group_norm " + std::to_string(k.hw) + " x " + std::to_string(channels) + ", block " + std::to_string(block), y,
        [&](size_t i) { return at(i, false); }, [&](size_t i) { return at(i, true); });
}

template <typename T> static void layer(int rows, int columns, double mean)
{
    constexpr float epsilon = 1e-5f;
    Draws draws(8);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(rows) * columns, mean);
    const std::vector<float> gamma = draws.normal<float>(columns, 1, 0.1), beta = draws.normal<float>(columns);
    std::vector<T> y = unwritten<T>(x.size());
    emulator::launch(kernel<T>("layer_norm"), {static_cast<unsigned>(rows + 3) / 4}, {128}, 0, y.data(), x.data(), gamma.data(),
                     beta.data(), rows, columns, epsilon);
    const auto at = [&](size_t i, bool error) {
        const size_t row = i / columns * columns;
        const auto [average, rstd] = statistics(columns, epsilon, [&](int c) { return to_float(x[row + c]); });
        const double centred = to_float(x[i]) - average, scale = rstd * gamma[i - row], result = centred * scale + beta[i - row];
        return error ? norm_error((columns + 31) / 32, std::abs(mean) + 5, scale, centred, result) : result;
    };
    compare(
        "layer_norm " + std::to_string(rows) + " x " + std::to_string(columns), y, [&](size_t i) { return at(i, false); },
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
                    group<T>(k, block);
            layer<T>(3, 1, 0);
            layer<T>(7, 5, 0);
            layer<T>(1, 17, 50);
            layer<T>(9, 320, 50);
        });
    }
    return failures != 0;
}
