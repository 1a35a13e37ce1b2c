// step_test.cpp: select_rows, advance, first_fault and count_step, a recorded step's own kernels; and rgb8, which ends a picture.
#include "host/operation_test.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

// As in select_rows.cu.
template <typename T> struct Tables {
    const T* table[32];
    T* row[32];
    int columns[32];
};

template <typename T> static void rows(int count)
{
    constexpr int steps = 5;
    Draws draws(count);
    std::vector<std::vector<T>> tables, selected;
    Tables<T> operands = {};
    for (int t = 0; t < count; t++) {
        operands.columns[t] = 1 + 37 * t;
        tables.push_back(draws.normal<T>(static_cast<size_t>(steps) * operands.columns[t]));
        selected.push_back(unwritten<T>(operands.columns[t]));
        operands.table[t] = tables[t].data();
        operands.row[t] = selected[t].data();
    }
    int step = 0;
    for (; step < steps; emulator::launch("count_step", {1}, {32}, 0, &step)) {
        emulator::launch(kernel<T>("select_rows"), {2, static_cast<unsigned>(count)}, {64}, 0, operands, &step);
        for (int t = 0; t < count; t++) {
            const int columns = operands.columns[t];
            compare(
                "select_rows", selected[t], [&](size_t c) { return to_float(tables[t][static_cast<size_t>(step) * columns + c]); },
                [](size_t) { return 0.0; });
        }
    }
    check(step == steps, "count_step counted to " + std::to_string(step));
}

// As in advance.cu.
struct Sum {
    float* target;
    const void* x[8];
    int terms;
    unsigned narrow;
};
struct Sums {
    Sum sum[9];
    int count;
};

// Sums as of a sampler: one of two narrow outputs, a limited one of its result, one of eight terms that is among them, one that is left out
// at the first step, and copies. Tensors go by number: 0 and 1 are the outputs, 2 to 7 are of fp32, of which 7 is NaN and has the factor 0
// wherever it is a term.
template <typename T> static void advance(size_t count, unsigned blocks)
{
    struct Wanted {
        int target;
        std::vector<int> terms;
        std::vector<float> factors;
        float limit;
    };
    constexpr float none = std::numeric_limits<float>::infinity();
    constexpr int steps = 3;
    for (int step = 0; step < steps; step++) {
        Draws draws(static_cast<unsigned>(count) + step);
        const auto sums_of = [&](int s) {
            const float own = 1 + 0.1f * static_cast<float>(s);
            return std::vector<Wanted>{{2, {0, 1}, {-6.5f * own, 7.5f}, none},
                                       {3, {4, 2, 7}, {1.5f, -0.4f, 0}, 0.75f * own},
                                       {4, {4, 2, 3, 5, 6, 7, 5, 0}, {0.9f, -0.2f, 0.7f, 0.25f, -own, 0, 0.125f, 0.5f}, none},
                                       {5, {5, 4}, {s == 0 ? 0 : 0.3f, s == 0 ? 0 : 0.6f}, none},
                                       {6, {3}, {1}, none}};
        };
        std::vector<T> outputs = draws.normal<T>(2 * count);
        std::vector<std::vector<float>> tensors(8);
        for (int t = 2; t < 8; t++)
            tensors[t] = t == 7 ? std::vector<float>(count, NAN) : draws.normal<float>(count);
        const std::vector<std::vector<float>> before = tensors;
        std::vector<float> factors;
        int columns = 0;
        for (int s = 0; s < steps; s++)
            for (const Wanted& sum : sums_of(s)) {
                factors.insert(factors.end(), sum.factors.begin(), sum.factors.end());
                factors.push_back(sum.limit);
                columns += s == 0 ? static_cast<int>(sum.factors.size()) + 1 : 0;
            }
        const std::vector<Wanted> wanted = sums_of(step);
        Sums sums = {};
        for (const Wanted& sum : wanted) {
            Sum& asked = sums.sum[sums.count++];
            asked.target = tensors[sum.target].data();
            for (const int term : sum.terms) {
                asked.narrow |= term < 2 && !std::is_same_v<T, float> ? 1u << asked.terms : 0;
                asked.x[asked.terms++] = term < 2 ? static_cast<const void*>(outputs.data() + term * count) : tensors[term].data();
            }
        }
        // Counted by the device, or the row by itself.
        if (step == 1)
            emulator::launch(kernel<T>("advance"), {blocks}, {32}, 0, sums, factors.data() + columns, columns,
                             static_cast<const int*>(nullptr), static_cast<int>(count));
        else
            emulator::launch(kernel<T>("advance"), {blocks}, {32}, 0, sums, factors.data(), columns, &step, static_cast<int>(count));

        std::vector<bool> assigned(8);
        for (const Wanted& sum : wanted) {
            const bool stays = std::all_of(sum.factors.begin(), sum.factors.end(), [](float factor) { return factor == 0; });
            const auto total = [&](size_t i, bool magnitude) {
                double value = 0;
                for (size_t t = 0; t < sum.terms.size(); t++) {
                    const int term = sum.terms[t];
                    if (sum.factors[t] == 0) continue;
                    const double x = term < 2 ? to_float(outputs[term * count + i]) : (assigned[term] ? tensors : before)[term][i];
                    value += magnitude ? std::abs(sum.factors[t] * x) : sum.factors[t] * x;
                }
                return value;
            };
            const double limit = sum.limit;
            // A product and a sum a term.
            compare(
                "advance", tensors[sum.target],
                [&](size_t i) { return stays ? before[sum.target][i] : std::min(std::max(total(i, false), -limit), limit); },
                [&](size_t i) { return stays ? 0 : 2 * static_cast<double>(sum.terms.size()) * Roundoff * total(i, true); });
            assigned[sum.target] = true;
        }
    }
}

// Values at some places are not finite.
template <typename T> static void fault(size_t count, const std::vector<size_t>& places, float value)
{
    Draws draws(count);
    std::vector<T> x = draws.normal<T>(count);
    for (const size_t place : places)
        x[place] = from_float<T>(value);
    const float earlier[] = {2, 17, std::numeric_limits<float>::infinity()}, none[] = {0, 0, 0};
    const int counter = 6;
    for (const int* counted : {static_cast<const int*>(nullptr), &counter})
        for (const float* before : {none, earlier}) {
            std::vector<float> y(before, before + 3);
            emulator::launch(kernel<T>("first_fault"), {1}, {96}, 0, y.data(), x.data(), static_cast<int>(count), counted, 11);
            std::vector<float> wanted(before, before + 3);
            if (before == none && !places.empty()) wanted = {counted == nullptr ? 12.0f : 7.0f, static_cast<float>(places[0]), value};
            for (int i = 0; i < 3; i++)
                check(y[i] == wanted[i] || (std::isnan(y[i]) && std::isnan(wanted[i])),
                      "first_fault of " + std::to_string(count) + " values: [" + std::to_string(i) + "] is " + std::to_string(y[i]) +
                          ", expected " + std::to_string(wanted[i]));
        }
}

// Values at some places are not finite; `skew` elements lie before the first.
template <typename T> static void picture(size_t count, size_t skew, const std::vector<size_t>& places)
{
    Draws draws(static_cast<unsigned>(count));
    std::vector<T> x = draws.normal<T>(skew + count, 0, 0.7);
    for (size_t i = 0; i < count; i += 5)
        x[skew + i] = from_float<T>(i % 2 == 0 ? 0.0f : static_cast<float>(2 * (i % 255) + 1) / 255 - 1); // a half, and nearly halves
    for (const size_t place : places)
        x[skew + place] = from_float<T>(place % 2 == 0 ? NAN : INFINITY);
    const unsigned blocks = static_cast<unsigned>((count + 4095) / 4096);
    alignas(16) static unsigned char y[16384];
    std::fill(std::begin(y), std::end(y), static_cast<unsigned char>(0xAB));
    std::vector<unsigned> fault(blocks, 77);
    emulator::launch(kernel<T>("rgb8"), {blocks}, {256}, 0, static_cast<unsigned char*>(y), fault.data(), x.data() + skew,
                     static_cast<int>(count));
    for (size_t i = 0; i < count; i++) {
        if (std::find(places.begin(), places.end(), i) != places.end()) continue;
        // The share in fp32 is off by half an ulp of 1, its product with 255 by half an ulp of 255.
        const double exact = std::min(std::max(to_float(x[skew + i]) / 2.0 + 0.5, 0.0), 1.0) * 255;
        check(std::abs(y[i] - exact) <= 0.5 + 255 * 2 * Roundoff, "rgb8 of " + std::to_string(count) + ": [" + std::to_string(i) + "] is " +
                                                                      std::to_string(y[i]) + ", expected " + std::to_string(exact));
        check(to_float(x[skew + i]) != 0.0f || y[i] == 128, "rgb8: a half is rounded to the even 128");
    }
    check(y[count] == 0xAB, "rgb8 wrote past the last value");
    for (unsigned b = 0; b < blocks; b++) {
        unsigned first = 0;
        for (const size_t place : places)
            if (place / 4096 == b && first == 0) first = static_cast<unsigned>(place) + 1;
        check(fault[b] == first,
              "rgb8 of " + std::to_string(count) + ": block " + std::to_string(b) + " tells of " + std::to_string(fault[b]));
    }
}

int main()
{
    using emulator::Order;
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 5);
        for_each_storage([](auto type) {
            using T = decltype(type);
            rows<T>(1);
            rows<T>(32);
            advance<T>(1, 1);
            advance<T>(33, 1);
            advance<T>(1003, 2);
            fault<T>(1, {}, 0);
            fault<T>(1, {0}, NAN);
            fault<T>(1000, {}, 0);
            fault<T>(1000, {999}, -INFINITY);
            fault<T>(1003, {97, 98, 500, 1002}, INFINITY);
            fault<T>(95, {94}, NAN);
            picture<T>(1, 0, {});
            picture<T>(16, 0, {3});
            picture<T>(4096, 1, {});
            picture<T>(4101, 0, {0, 4096, 4100});
            picture<T>(12291, 0, {17, 8000, 8001});
            picture<T>(12288, 3, {4095});
        });
    }
    return failures != 0;
}
