// pooling_test.cpp: mean_cosine and attention_pool, FGA's steps, against their formulas in double.
#include "host/operation_test.h"

using emulator::Order;

template <typename T> static void cosine(int batch, int length, int width)
{
    Draws draws(1);
    const size_t count = static_cast<size_t>(batch) * length * width;
    const std::vector<T> x = draws.normal<T>(count), y = draws.normal<T>(count, 0.3);
    const int rows = batch * length;
    std::vector<float> inverse = unwritten<float>(rows), mean = unwritten<float>(static_cast<size_t>(batch) * width);
    std::vector<T> s = unwritten<T>(rows);
    const dim3 warps(static_cast<unsigned>(rows + 3) / 4);
    emulator::launch(kernel<T>("row_inverse_norm"), warps, {128}, 0, inverse.data(), y.data(), rows, width);
    emulator::launch(kernel<T>("mean_direction"), {static_cast<unsigned>(width + 31) / 32, static_cast<unsigned>(batch)}, {32}, 0,
                     mean.data(), y.data(), inverse.data(), length, width);
    emulator::launch(kernel<T>("mean_cosine"), warps, {128}, 0, s.data(), x.data(), mean.data(), rows, length, width);

    const auto dot = [&](const std::vector<T>& a, size_t i, const std::vector<T>& b, size_t j) {
        double sum = 0;
        for (int c = 0; c < width; c++)
            sum += static_cast<double>(to_float(a[i * width + c])) * to_float(b[j * width + c]);
        return sum;
    };
    // Cosines are at most 1: the sums over length and width, the norms and quotients.
    compare(
        "mean_cosine " + std::to_string(length) + " x " + std::to_string(width), s,
        [&](size_t i) {
            double sum = 0;
            for (int j = 0; j < length; j++) {
                const size_t other = i / length * length + j;
                sum += dot(x, i, y, other) / std::sqrt(dot(x, i, x, i) * dot(y, other, y, other));
            }
            return sum / length;
        },
        [&](size_t) { return Roundoff * (length + 2 * ((width + 31) / 32 + 5) + 8); });
}

template <typename T> static void pool(int batch, int length, int width, double spread)
{
    Draws draws(2);
    const std::vector<T> values = draws.normal<T>(static_cast<size_t>(batch) * length * width),
                         scores = draws.normal<T>(batch * length, 0, spread);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(batch) * width);
    emulator::launch(kernel<T>("attention_pool"), {static_cast<unsigned>(width + 63) / 64, static_cast<unsigned>(batch)}, {64},
                     length * sizeof(float), y.data(), values.data(), scores.data(), length, width);
    // A share is off by its score's rounding; then the sums over the length and the quotient, of values up to 5.
    compare(
        "attention_pool " + std::to_string(length) + " x " + std::to_string(width), y,
        [&](size_t i) {
            const size_t b = i / width, c = i % width;
            double largest = -1e300, total = 0, sum = 0;
            for (int t = 0; t < length; t++)
                largest = std::max(largest, static_cast<double>(to_float(scores[b * length + t])));
            for (int t = 0; t < length; t++) {
                const double share = std::exp(to_float(scores[b * length + t]) - largest);
                total += share;
                sum += share * to_float(values[(b * length + t) * width + c]);
            }
            return sum / total;
        },
        [&](size_t) { return Roundoff * 5 * (2 * length + 6 * spread + 8); });
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 5);
        for_each_storage([](auto type) {
            using T = decltype(type);
            cosine<T>(1, 1, 1);
            cosine<T>(2, 13, 67);
            cosine<T>(3, 6, 256);
            pool<T>(1, 1, 1, 1);
            pool<T>(2, 13, 67, 1);
            pool<T>(2, 150, 96, 30);
        });
    }
    return failures != 0;
}
