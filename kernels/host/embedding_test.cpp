// embedding_test.cpp: timestep and token embeddings, relative positions and their gate against their formulas.
#include "host/operation_test.h"

template <typename T> static void times(const std::vector<float>& t, int width, int cosine_first, float shift)
{
    const unsigned half = width / 2, samples = static_cast<unsigned>(t.size());
    std::vector<T> y = unwritten<T>(t.size() * width);
    emulator::launch(kernel<T>("timestep_embedding"), {(half + 31) / 32, samples}, {32}, 0, y.data(), t.data(), width, cosine_first, shift);
    // exp's argument, its result and the product are rounded: an angle t f with f = e^-a is off by t e^-a (a + 2) units at most, which is
    // largest (2 t) at a = 0. Sine and cosine add one of their own.
    compare(
        "timestep_embedding", y,
        [&](size_t i) {
            const int column = static_cast<int>(i % width), k = column % half;
            const double angle = t[i / width] * std::exp(-std::log(10000.0) * k / (half - shift));
            return (column < static_cast<int>(half)) == (cosine_first != 0) ? std::cos(angle) : std::sin(angle);
        },
        [&](size_t i) { return Roundoff * (2 * t[i / width] + 4); });
}

// Placeholders: none, one row for all samples, or rows for each.
template <typename T> static void tokens(int placeholders, bool shared)
{
    constexpr int batch = 2, length = 7, width = 19, rows = 11, first = 9; // ids 9 and 10 would also have rows of the table
    Draws draws(1);
    const std::vector<T> table = draws.normal<T>(rows * width), positions = draws.normal<T>(9 * width),
                         stand = draws.normal<T>(batch * 3 * width);
    std::vector<int> ids = draws.integers(batch * length, rows);
    ids[3] = first;
    ids[length + 1] = first + 1;
    std::vector<T> y = unwritten<T>(batch * length * width);
    const int stride = shared ? 0 : placeholders * width;
    emulator::launch(kernel<T>("token_embedding"), {length, batch}, {32}, 0, y.data(), ids.data(), table.data(), positions.data(),
                     placeholders > 0 ? stand.data() : nullptr, placeholders > 0 ? first : -1, placeholders, stride, width);
    compare(
        "token_embedding, placeholders " + std::to_string(placeholders), y,
        [&](size_t i) {
            const int row = static_cast<int>(i) / width, c = static_cast<int>(i) % width, id = ids[row];
            const bool stands = id >= first && id < first + placeholders;
            const T source = stands ? stand[row / length * stride + (id - first) * width + c] : table[id * width + c];
            return static_cast<double>(to_float(source)) + to_float(positions[row % length * width + c]);
        },
        [](size_t) { return Roundoff * 10; });
}

template <typename T> static void positions(int length, int heads)
{
    Draws draws(2);
    const std::vector<T> table = draws.normal<T>(20 * heads);
    const std::vector<int> buckets = draws.integers(2 * length - 1, 20);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(heads) * length * length);
    emulator::launch(kernel<T>("relative_position_bias"), {static_cast<unsigned>(length), static_cast<unsigned>(heads)}, {32}, 0, y.data(),
                     table.data(), buckets.data(), heads);
    for (size_t i = 0; i < y.size(); i++) {
        const int j = static_cast<int>(i) % length, row = static_cast<int>(i) / length % length,
                  head = static_cast<int>(i) / length / length;
        check(to_float(y[i]) == to_float(table[buckets[j - row + length - 1] * heads + head]), "relative_position_bias copies its row");
    }
}

template <typename T> static void gate(int count, int heads)
{
    Draws draws(3);
    const std::vector<T> p = draws.normal<T>(count * 8);
    const std::vector<float> scale = draws.normal<float>(heads, 1, 0.2);
    std::vector<T> y = unwritten<T>(count);
    emulator::launch(kernel<T>("relative_position_gate"), {static_cast<unsigned>(count + 63) / 64}, {64}, 0, y.data(), p.data(),
                     scale.data(), count, heads);
    // Two sums of four, up to 8, before sigmoids of slope 1/4, and a handful of roundings of values up to 3.
    compare(
        "relative_position_gate", y,
        [&](size_t i) {
            double sum[2] = {};
            for (int k = 0; k < 8; k++)
                sum[k / 4] += to_float(p[i * 8 + k]);
            return 1 / (1 + std::exp(-sum[0])) * (1 / (1 + std::exp(-sum[1])) * scale[i % heads] - 1) + 2;
        },
        [](size_t) { return Roundoff * (2 * 8 + 5 * 3); });
}

int main()
{
    for_each_storage([](auto type) {
        using T = decltype(type);
        times<T>({981, 500, 1, 0}, 320, 1, 0);
        times<T>({999, 7}, 32, 0, 1);
        times<T>({499.5f}, 6, 1, 0);
        times<T>({3}, 2, 1, 0);
        tokens<T>(0, false);
        tokens<T>(1, true);
        tokens<T>(1, false);
        tokens<T>(2, false);
        tokens<T>(2, true);
        positions<T>(1, 2);
        positions<T>(13, 5);
        positions<T>(67, 3);
        gate<T>(1, 1);
        gate<T>(31 * 12, 12);
    });
    return failures != 0;
}
