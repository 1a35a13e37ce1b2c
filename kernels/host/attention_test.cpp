// attention_test.cpp: attention and attention_plain against softmax(scale q k^T + gate * bias) v in double.
#include "host/operation_test.h"

#include "common/scores.cuh"

using emulator::Order;

struct Setup {
    int batch, queries, keys, heads, width;
    bool causal, bias, gate;
    double spread; // of the scores
};

static const Setup setups[] = {{1, 1, 1, 1, 8, false, false, false, 1},      {2, 33, 77, 2, 40, false, false, false, 1},
                               {1, 65, 70, 1, 64, false, false, false, 1},   {1, 17, 33, 2, 80, false, false, false, 3},
                               {1, 20, 35, 1, 160, false, false, false, 1},  {1, 35, 40, 1, 512, false, false, false, 1},
                               {1, 9, 34, 1, 256, false, false, false, 1},   {1, 9, 34, 2, 104, false, false, false, 1},
                               {1, 66, 130, 2, 24, true, false, false, 1},   {1, 130, 66, 1, 8, true, false, false, 1},
                               {2, 67, 67, 3, 8, false, true, false, 1},     {2, 67, 67, 2, 16, true, true, true, 1},
                               {1, 50, 200, 2, 16, false, false, false, 30}, {2, 13, 17, 5, 7, false, true, true, 1},
                               {1, 3, 5, 3, 43, true, false, false, 1},      {1, 40, 33, 2, 4, false, false, false, 1},
                               {1, 130, 530, 1, 40, false, false, false, 1}, {1, 140, 300, 2, 40, true, false, false, 1},
                               {2, 40, 150, 2, 40, true, true, true, 1},     {1, 129, 400, 1, 40, false, false, false, 30},
                               {1, 70, 330, 2, 80, false, false, false, 1},  {1, 70, 200, 1, 80, true, true, false, 20},
                               {1, 40, 270, 2, 160, false, false, false, 1}, {1, 70, 130, 1, 160, true, true, true, 20},
                               {1, 70, 170, 1, 64, true, true, true, 1}};

// A form of the kernel: its name's ending, rows of a block, slices of the value, threads, dynamic shared memory.
struct Form {
    std::string name;
    unsigned rows, slices, threads;
    size_t shared;
};

// As the table at the end of attention.cu.
struct Tiled {
    const char* ending;
    int width, columns, tiles, row_warps, key_warps, step, turns;
};

static const Tiled tiled[] = {{"_16", 16, 16, 1, 4, 1, 32, 2},    {"_32", 32, 32, 1, 4, 1, 32, 2},    {"_40", 40, 40, 2, 8, 1, 32, 4},
                              {"_64", 64, 64, 1, 4, 1, 32, 2},    {"_80", 80, 80, 2, 4, 2, 16, 2},    {"_128", 128, 128, 1, 4, 1, 16, 2},
                              {"_160", 160, 160, 1, 2, 2, 16, 1}, {"_256", 256, 128, 1, 4, 1, 16, 1}, {"_512", 512, 128, 1, 8, 1, 16, 1}};

// All forms of the least width that a head fits.
template <typename T> static std::vector<Form> forms(int width)
{
    const unsigned columns = width <= 64 ? 2 : width <= 160 ? 5 : 16, keys = width <= 160 ? 64 : 32;
    std::vector<Form> all = {
        {kernel<T>("attention_plain") + "_" + std::to_string(columns), 32, 1, 256, keys * (width + 33) * sizeof(float)}};
    int least = 0;
    for (const Tiled& f : tiled) {
        if (sizeof(T) != 2 || width % 8 != 0 || f.width < width || (least != 0 && f.width != least)) continue;
        least = f.width;
        const auto odd = [](int elements) { return elements / 8 % 2 ? elements : elements + 8; };
        const size_t ring = sizeof(T) * 3 * f.key_warps * f.turns * f.step * (odd(f.width) + odd(f.columns)),
                     sums = sizeof(float) * 32 * (f.key_warps - 1) * f.row_warps * f.tiles * (f.columns / 2 + 4);
        all.push_back({kernel<T>("attention") + f.ending, 16u * f.tiles * f.row_warps, static_cast<unsigned>(f.width / f.columns),
                       32u * f.row_warps * f.key_warps, std::max(ring, sums)});
    }
    return all;
}

template <typename T> static void hold(const Setup& s)
{
    Draws draws(s.queries + s.keys + s.width);
    const int pitch = s.heads * s.width;
    const std::vector<T> q = draws.normal<T>(static_cast<size_t>(s.batch) * s.queries * pitch),
                         k = draws.normal<T>(static_cast<size_t>(s.batch) * s.keys * pitch, 0, s.spread),
                         v = draws.normal<T>(static_cast<size_t>(s.batch) * s.keys * pitch),
                         bias = draws.normal<T>(static_cast<size_t>(s.heads) * s.queries * s.keys, 0, 2),
                         gate = draws.normal<T>(static_cast<size_t>(s.batch) * s.queries * s.heads, 1, 0.3);
    const float scale = 1 / std::sqrt(static_cast<float>(s.width));

    // The results, and the mean of |v| under the shares, by which a share's relative error counts.
    std::vector<double> expected(q.size()), magnitude(q.size()), share(s.keys);
    for (int row = 0; row < s.batch * s.queries; row++) {
        for (int head = 0; head < s.heads; head++) {
            const int b = row / s.queries, i = row % s.queries, seen = s.causal ? std::min(s.keys, i + 1) : s.keys;
            double largest = -1e300, total = 0;
            for (int j = 0; j < seen; j++) {
                double dot = 0;
                for (int c = 0; c < s.width; c++)
                    dot += static_cast<double>(to_float(q[static_cast<size_t>(row) * pitch + head * s.width + c])) *
                           to_float(k[(static_cast<size_t>(b) * s.keys + j) * pitch + head * s.width + c]);
                share[j] = scale * dot;
                if (s.bias)
                    share[j] += (s.gate ? to_float(gate[row * s.heads + head]) : 1.0) *
                                to_float(bias[(static_cast<size_t>(head) * s.queries + i) * s.keys + j]);
                largest = std::max(largest, share[j]);
            }
            for (int j = 0; j < seen; j++)
                total += share[j] = std::exp(share[j] - largest);
            for (int c = 0; c < s.width; c++) {
                const size_t at = static_cast<size_t>(row) * pitch + head * s.width + c;
                for (int j = 0; j < seen; j++) {
                    const double value = to_float(v[(static_cast<size_t>(b) * s.keys + j) * pitch + head * s.width + c]);
                    expected[at] += share[j] / total * value;
                    magnitude[at] += share[j] / total * std::abs(value);
                }
            }
        }
    }

    for (const Form& form : forms<T>(s.width)) {
        std::vector<T> y = unwritten<T>(q.size());
        const Attention<T> a = {
            y.data(), q.data(), k.data(), v.data(), s.bias ? bias.data() : nullptr, s.gate ? gate.data() : nullptr, s.queries, s.keys,
            s.heads,  s.width,  s.causal, scale};
        const dim3 grid((s.queries + form.rows - 1) / form.rows, s.heads, s.batch * form.slices);
        emulator::launch(form.name, grid, {form.threads}, form.shared, a);
        // A share's relative error is its score's absolute one, of the products and of 18 roundings of a score's size; then the
        // exponential, its weight and the quotient, and the sum of as many shares as there are keys. A share goes into the second product
        // in the storage type.
        const double score = sum_error(s.width, s.spread / std::sqrt(s.width)) + 18 * Roundoff * (4 * s.spread + (s.bias ? 8 : 0));
        const double relative = 2 * score + Roundoff * (2 * s.keys + 12) + 1.01 * Storage<T>::roundoff;
        compare(
            form.name + ": " + std::to_string(s.queries) + " x " + std::to_string(s.keys) + " x " + std::to_string(s.width) + ",", y,
            [&](size_t i) { return expected[i]; }, [&](size_t i) { return relative * magnitude[i]; });
    }
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 13);
        for_each_storage([](auto type) {
            for (const Setup& s : setups)
                hold<decltype(type)>(s);
        });
    }
    return failures != 0;
}
