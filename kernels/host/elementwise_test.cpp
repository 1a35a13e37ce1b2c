// elementwise_test.cpp: activate, clamp, cast, weighted_sum, concat and repeat_batch against their formulas in double.
#include "host/operation_test.h"

#include <algorithm>
#include <iterator>

// As in weighted_sum.cu and concat.cu.
struct Terms {
    const void* x[8];
    float factor[8];
    int count;
    unsigned narrow;
};
template <typename T> struct Parts {
    const T* x[8];
    int columns[8];
    int start[8];
};

static const size_t lengths[] = {1, 2, 7, 8, 9, 31, 64, 1003};

template <typename T> static void maps(size_t count, size_t skew)
{
    Draws draws(count + skew);
    const std::vector<T> x = draws.normal<T>(count + skew, 0, 3);
    const auto at = [&](size_t i) { return static_cast<double>(to_float(x[i + skew])); };
    for (int activation = 1; activation <= 4; activation++) {
        std::vector<T> y = unwritten<T>(count);
        emulator::launch(kernel<T>("activate"), {2}, {32}, 0, y.data(), x.data() + skew, count, activation);
        // The exponent's rounding times the exponent, up to 1.702 * 14, then the exponential, the sum and the quotient.
        compare(
            "activate " + std::to_string(activation), y, [&](size_t i) { return activated_exact(at(i), activation); },
            [&](size_t i) { return Roundoff * std::abs(at(i)) * (2 * std::abs(at(i)) + 8); });
    }
    std::vector<T> y = unwritten<T>(count);
    emulator::launch(kernel<T>("clamp"), {1}, {64}, 0, y.data(), x.data() + skew, count, -1.0f, 1.5f);
    compare(
        "clamp", y, [&](size_t i) { return std::min(std::max(at(i), -1.0), 1.5); }, [](size_t) { return 0.0; });
}

// Of one type, or with every other term of a narrow one.
template <typename T, typename Narrow = T> static void sums(size_t count, size_t skew)
{
    constexpr bool mixed = !std::is_same_v<T, Narrow>;
    Draws draws(3 * count + skew);
    Terms terms = {};
    std::vector<std::vector<T>> wide;
    std::vector<std::vector<Narrow>> narrow;
    std::vector<std::function<double(size_t)>> value;
    const auto add = [&](auto& own) {
        const auto* const x = own.data() + (terms.count == 2 ? skew : 0);
        terms.x[terms.count] = x;
        terms.factor[terms.count] = 0.25f * (terms.count - 3);
        value.push_back([x](size_t i) { return static_cast<double>(to_float(x[i])); });
        terms.count++;
    };
    while (terms.count < 8) {
        if (mixed && terms.count % 2 == 0) {
            terms.narrow |= 1u << terms.count;
            narrow.push_back(draws.normal<Narrow>(count + skew));
            add(narrow.back());
        } else {
            wide.push_back(draws.normal<T>(count + skew));
            add(wide.back());
        }
    }
    const std::string form = mixed ? Storage<Narrow>::suffix : "";
    for (const int used : {1, 3, 8}) {
        terms.count = used;
        std::vector<T> y = unwritten<T>(count);
        emulator::launch(kernel<T>("weighted_sum") + form, {2}, {32}, 0, y.data(), terms, count);
        const auto sum = [&](size_t i, bool magnitude) {
            double total = 0;
            for (int t = 0; t < used; t++)
                total += magnitude ? std::abs(terms.factor[t] * value[t](i)) : terms.factor[t] * value[t](i);
            return total;
        };
        // A product and a sum a term.
        compare(
            "weighted_sum" + form, y, [&](size_t i) { return sum(i, false); },
            [&](size_t i) { return 2 * used * Roundoff * sum(i, true); });
    }
}

template <typename T> static void joins()
{
    Draws draws(5);
    constexpr int rows = 13;
    Parts<T> parts = {};
    std::vector<std::vector<T>> x;
    int width = 0;
    for (int p = 0; p < 8; p++) {
        parts.columns[p] = 1 + p * p % 11;
        parts.start[p] = width;
        width += parts.columns[p];
        x.push_back(draws.normal<T>(rows * parts.columns[p]));
        parts.x[p] = x.back().data();
    }
    std::vector<T> y = unwritten<T>(rows * width);
    emulator::launch(kernel<T>("concat"), {2, 8}, {32}, 0, y.data(), parts, rows, width);
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < 8; p++)
            for (int c = 0; c < parts.columns[p]; c++)
                check(to_float(y[r * width + parts.start[p] + c]) == to_float(x[p][r * parts.columns[p] + c]),
                      "concat keeps row " + std::to_string(r) + " of part " + std::to_string(p));
}

// As in repeat_batch.cu.
struct Repeated {
    const void* from[2];
    void* to[2];
    size_t bytes[2];
};

// Samples of two bytes a value, `skew` values after a multiple of 16 bytes, and so many of what was told of them.
static void repeats(size_t count, size_t told, int times, size_t skew)
{
    Draws draws(static_cast<unsigned>(count + skew));
    alignas(16) static unsigned short x[4096], y[16384];
    alignas(16) static float moments[1024], repeated[4096];
    for (size_t i = 0; i < count; i++)
        x[skew + i] = static_cast<unsigned short>(draws.integers(1, 65536)[0]);
    for (size_t i = 0; i < told; i++)
        moments[i] = draws.normal<float>(1)[0];
    std::fill(std::begin(y), std::end(y), static_cast<unsigned short>(0xABCD));
    const Repeated parts = {{x + skew, moments}, {y, repeated}, {count * 2, told * 4}};
    emulator::launch("repeat_batch", {2, told == 0 ? 1u : 2u}, {32}, 0, parts, times);
    for (size_t i = 0; i < times * count; i++)
        check(y[i] == x[skew + i % count], "repeat_batch of " + std::to_string(count) + " at " + std::to_string(i));
    check(y[times * count] == 0xABCD, "repeat_batch wrote past the last value");
    for (size_t i = 0; i < times * told; i++)
        check(repeated[i] == moments[i % told], "repeat_batch of what was told, at " + std::to_string(i));
}

template <typename T> static void casts()
{
    Draws draws(6);
    const std::vector<float> x = draws.normal<float>(1003, 0, 100);
    std::vector<T> half = unwritten<T>(x.size());
    std::vector<float> back = unwritten<float>(x.size());
    const std::string suffix = Storage<T>::suffix + 1;
    emulator::launch("cast_f32_to_" + suffix, {3}, {64}, 0, half.data(), x.data(), x.size());
    emulator::launch("cast_" + suffix + "_to_f32", {3}, {64}, 0, back.data(), half.data(), x.size());
    compare(
        "cast", half, [&](size_t i) { return x[i]; }, [](size_t) { return 0.0; });
    for (size_t i = 0; i < x.size(); i++)
        check(back[i] == to_float(half[i]), "casting back changes nothing");
}

int main()
{
    for_each_storage([](auto type) {
        using T = decltype(type);
        for (const size_t length : lengths) {
            for (const size_t skew : {0, 1}) {
                maps<T>(length, skew);
                sums<T>(length, skew);
                if constexpr (!std::is_same_v<T, float>) sums<float, T>(length, skew);
            }
        }
        joins<T>();
    });
    repeats(8, 0, 1, 0);
    repeats(1000, 24, 2, 0);
    repeats(1003, 0, 3, 0);
    repeats(1024, 0, 4, 5);
    casts<h16>();
    casts<b16>();
    return failures != 0;
}
