// group_norm_test.cpp: group_norm_f32 and group_norm_f16 on the host shim against the formula in double.
#include "host/cuda_shim.h"

#include "common/dtype.cuh"
#include "host/check.h"

#include <random>
#include <vector>

extern "C" void group_norm_f32(float*, const float*, const float*, const float*, int, int, float, int);
extern "C" void group_norm_f16(half_t*, const half_t*, const half_t*, const half_t*, int, int, float, int);

struct Case {
    int batch, hw, channels, groups;
    double mean; // of the input; its deviation is 1
    int silu;
};

// One value a group; 105 elements, so that the last warp is ragged; a mean of 50, which shows a variance that cancels; a group
// of one channel; fewer elements than threads; a block of Stable Diffusion's own (320 channels, 32 groups) at 8 x 8.
static const Case cases[] = {{1, 1, 32, 32, 0, 0}, {2, 35, 96, 32, 50, 0}, {2, 21, 15, 3, 50, 1},
                             {1, 301, 4, 4, 0, 1}, {3, 7, 6, 2, 0, 0},     {1, 64, 320, 32, 1, 1}};

static const float eps = 1e-5f;

// The kernel on one case, in storage type T, compared with the formula on the same rounded inputs.
template <typename T, typename Kernel>
static void compare(const Case& k, Kernel kernel, unsigned block, shim::Order order, double storage_epsilon, const char* name)
{
    std::mt19937 random(7);
    std::normal_distribution<double> normal;
    const auto draw = [&](size_t count, double mean, double deviation) {
        std::vector<T> values(count);
        for (T& value : values)
            value = from_float<T>(static_cast<float>(mean + deviation * normal(random)));
        return values;
    };
    const std::vector<T> x = draw(static_cast<size_t>(k.batch) * k.hw * k.channels, k.mean, 1), weight = draw(k.channels, 1, 0.1),
                         bias = draw(k.channels, 0, 1);
    std::vector<T> y(x.size(), from_float<T>(NAN)); // an element that nobody writes shows
    shim::launch({static_cast<unsigned>(k.groups), static_cast<unsigned>(k.batch)}, {block}, order, 1,
                 [&] { kernel(y.data(), x.data(), weight.data(), bias.data(), k.hw, k.channels, eps, k.silu); });

    const int width = k.channels / k.groups, count = width * k.hw;
    for (int b = 0; b < k.batch; b++) {
        for (int g = 0; g < k.groups; g++) {
            const auto at = [&](int i) { return (static_cast<size_t>(b) * k.hw + i / width) * k.channels + g * width + i % width; };
            double mean = 0, variance = 0, largest = 0;
            for (int i = 0; i < count; i++)
                mean += to_float(x[at(i)]) / static_cast<double>(count);
            for (int i = 0; i < count; i++) {
                variance += std::pow(to_float(x[at(i)]) - mean, 2) / count;
                largest = std::max(largest, std::abs(static_cast<double>(to_float(x[at(i)]))));
            }
            const double rstd = 1 / std::sqrt(variance + eps);
            for (int i = 0; i < count; i++) {
                const int c = g * width + i % width;
                const double scale = rstd * to_float(weight[c]), centred = to_float(x[at(i)]) - mean;
                double expected = centred * scale + to_float(bias[c]);
                // Rounding of fp32, 2^-24 a step: a sum takes a step for each element of a thread and ten for the tree, and an error of the
                // mean shifts the result times the scale; the variance does the same relative to the result; six steps for the formula.
                const double steps = (count + block - 1) / block + 10;
                const double tolerance =
                    std::pow(2, -24) *
                    (steps * largest * std::abs(scale) + (steps + 6) * (std::abs(centred * scale) + std::abs(expected)) + 6) * 1.1;
                if (k.silu) expected /= 1 + std::exp(-expected); // its slope is at most 1.1, hence the factor above
                const double found = to_float(y[at(i)]), allowed = tolerance + storage_epsilon * std::abs(expected);
                if (!(std::abs(found - expected) <= allowed)) {
                    check(false, std::string(name) + " [" + std::to_string(k.batch) + ", " + std::to_string(k.hw) + ", " +
                                     std::to_string(k.channels) + "], " + std::to_string(k.groups) + " groups, block " +
                                     std::to_string(block) + ", at " + std::to_string(at(i)) + ": " + std::to_string(found) +
                                     ", expected " + std::to_string(expected) + " within " + std::to_string(allowed));
                    return;
                }
            }
        }
    }
}

int main()
{
    for (const Case& k : cases) {
        for (const unsigned block : {32u, 64u, 256u}) {
            for (const shim::Order order : {shim::Order::Ascending, shim::Order::Descending, shim::Order::Random}) {
                compare<float>(k, group_norm_f32, block, order, 0, "group_norm_f32");
            }
            compare<half_t>(k, group_norm_f16, block, shim::Order::Random, std::pow(2, -11), "group_norm_f16");
        }
    }
    return failures != 0;
}
