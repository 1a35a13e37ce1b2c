// operation_test.h: what the tests of operations share: draws, storage types, and the comparison with the formula in double.
#pragma once
#include "host/launch.h"

#include "host/check.h"

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

constexpr double Roundoff = 0x1p-24; // of fp32: half a unit in the last place, relative

// A storage type: its kernels' suffix and the largest relative error of storing a value.
template <typename T> struct Storage;
template <> struct Storage<float> {
    static constexpr const char* suffix = "_f32";
    static constexpr double roundoff = 0; // fp32 results carry their error in the tolerance of the arithmetic
};
template <> struct Storage<h16> {
    static constexpr const char* suffix = "_f16";
    static constexpr double roundoff = 0x1p-11;
};
template <> struct Storage<b16> {
    static constexpr const char* suffix = "_bf16";
    static constexpr double roundoff = 0x1p-8;
};

template <typename T> std::string kernel(const char* name)
{
    return name + std::string(Storage<T>::suffix);
}

// Calls f(T{}) for each storage type.
template <typename F> void for_each_storage(F f)
{
    f(float{});
    f(h16{});
    f(b16{});
}

// Seeded draws, rounded to the storage type; `skew` elements before the first, so that it lies at an odd address.
class Draws
{
  public:
    explicit Draws(unsigned seed) : random_(seed) {}

    template <typename T> std::vector<T> normal(size_t count, double mean = 0, double deviation = 1)
    {
        std::normal_distribution<double> normal(mean, deviation);
        std::vector<T> values(count);
        for (T& value : values)
            value = from_float<T>(static_cast<float>(normal(random_)));
        return values;
    }

    std::vector<int> integers(size_t count, int below)
    {
        std::uniform_int_distribution<int> uniform(0, below - 1);
        std::vector<int> values(count);
        for (int& value : values)
            value = uniform(random_);
        return values;
    }

  private:
    std::mt19937 random_;
};

// Room for a result: NaN everywhere, so that an element that nobody writes shows.
template <typename T> std::vector<T> unwritten(size_t count)
{
    return std::vector<T>(count, from_float<T>(NAN));
}

// Holds a result to `expected(i)` within `arithmetic(i)` (the error of fp32 arithmetic) and the rounding of the storage type.
template <typename T>
void compare(const std::string& what, const std::vector<T>& found, const std::function<double(size_t)>& expected,
             const std::function<double(size_t)>& arithmetic)
{
    for (size_t i = 0; i < found.size(); i++) {
        const double value = to_float(found[i]), wanted = expected(i),
                     allowed = arithmetic(i) + Storage<T>::roundoff * 1.01 * std::abs(wanted) +
                               (Storage<T>::roundoff > 0 ? 0x1p-25 : 0); // subnormal halves
        if (!(std::abs(value - wanted) <= allowed)) {
            check(false, what + Storage<T>::suffix + " at " + std::to_string(i) + " of " + std::to_string(found.size()) + ": " +
                             std::to_string(value) + ", expected " + std::to_string(wanted) + " within " + std::to_string(allowed));
            return;
        }
    }
}

inline double silu(double x)
{
    return x / (1 + std::exp(-x));
}

inline double gelu_exact(double x)
{
    return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

inline double activated_exact(double x, int activation)
{
    const double quick = x / (1 + std::exp(-1.702 * x));
    return activation == 1 ? silu(x) : activation == 2 ? gelu_exact(x) : activation == 3 ? quick : activation == 4 ? std::max(x, 0.0) : x;
}

// A sum of `terms` products of random sign, each about `magnitude` large, in fp32: six deviations.
inline double sum_error(double terms, double magnitude)
{
    return 6 * Roundoff * magnitude * std::sqrt(terms + 0.5 * terms * terms);
}
