// peak_test.cpp: the arithmetic of the measured peak does what it claims to, so that its work can be counted.
#include "host/operation_test.h"

using emulator::Order;

static void chains(unsigned blocks, unsigned threads, int rounds, float b)
{
    std::vector<float> y = unwritten<float>(static_cast<size_t>(blocks) * threads);
    emulator::launch("peak_f32", {blocks}, {threads}, 0, y.data(), rounds, b);
    double wanted = 0;
    for (int i = 0; i < 8; i++) {
        double c = i;
        for (int r = 0; r < rounds; r++)
            c = c / 2 + b;
        wanted += c;
    }
    // Each rounding is of a value up to 7 + 2 b, and halves with every round after it; then eight are summed.
    compare(
        "peak", y, [=](size_t) { return wanted; }, [=](size_t) { return Roundoff * (2 * 8 * (7 + 2 * b) + 8 * wanted); });
}

template <typename T> static void products(unsigned blocks, unsigned threads, int rounds)
{
    std::vector<float> y = unwritten<float>(static_cast<size_t>(blocks) * threads);
    emulator::launch(kernel<T>("peak"), {blocks}, {threads}, 0, y.data(), rounds);
    // Eight chains of four sums of 16 quarters a round: whole numbers, exact.
    compare(
        std::string("peak") + Storage<T>::suffix, y, [=](size_t) { return 8.0 * 4 * 4 * rounds; }, [](size_t) { return 0.0; });
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 5);
        chains(1, 32, 0, 1);
        chains(3, 64, 40, 0.75f);
        products<h16>(2, 64, 5);
        products<b16>(1, 32, 3);
        emulator::launch("peak_nothing", {2}, {32}, 0, 7);
    }
    return failures != 0;
}
