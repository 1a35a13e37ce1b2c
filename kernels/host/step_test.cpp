// step_test.cpp: select_rows, count_step and first_fault: a recorded step's own kernels.
#include "host/operation_test.h"

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

// Values at some places are not finite.
template <typename T> static void fault(size_t count, const std::vector<size_t>& places, float value)
{
    Draws draws(count);
    std::vector<T> x = draws.normal<T>(count);
    for (const size_t place : places)
        x[place] = from_float<T>(value);
    const float earlier[] = {2, 17, std::numeric_limits<float>::infinity()}, none[] = {0, 0, 0};
    for (const float* before : {static_cast<const float*>(nullptr), none, earlier}) {
        std::vector<float> y = unwritten<float>(3);
        emulator::launch(kernel<T>("first_fault"), {1}, {96}, 0, y.data(), x.data(), static_cast<int>(count), 7.0f, before);
        std::vector<float> wanted = {0, 0, 0};
        if (before == earlier)
            wanted.assign(earlier, earlier + 3);
        else if (!places.empty())
            wanted = {7, static_cast<float>(places[0]), value};
        for (int i = 0; i < 3; i++)
            check(y[i] == wanted[i] || (std::isnan(y[i]) && std::isnan(wanted[i])),
                  "first_fault of " + std::to_string(count) + " values: [" + std::to_string(i) + "] is " + std::to_string(y[i]) +
                      ", expected " + std::to_string(wanted[i]));
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
            fault<T>(1, {}, 0);
            fault<T>(1, {0}, NAN);
            fault<T>(1000, {}, 0);
            fault<T>(1000, {999}, -INFINITY);
            fault<T>(1003, {97, 98, 500, 1002}, INFINITY);
            fault<T>(95, {94}, NAN);
        });
    }
    return failures != 0;
}
