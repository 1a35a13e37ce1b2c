// peak_test.cpp: the measured peaks do what they claim to, so that their work can be counted.
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

template <typename T> static void warpgroup_products(unsigned blocks, unsigned threads, int rounds)
{
    std::vector<float> y = unwritten<float>(static_cast<size_t>(blocks) * threads);
    emulator::launch(kernel<T>("peak_warpgroups"), {blocks}, {threads}, (64 + 160) * 128, y.data(), rounds);
    // A thread has 80 of the 64 x 160 sums, each of 64 quarters a round: whole numbers, exact.
    compare(
        std::string("peak_warpgroups") + Storage<T>::suffix, y, [=](size_t) { return 80.0 * 16 * rounds; }, [](size_t) { return 0.0; });
}

// Every block reads all turns, the first block in their order and others from a place of their own.
static void reading(unsigned blocks, unsigned threads, int turns)
{
    const int turn = static_cast<int>(threads) * 64 / 4; // floats
    std::vector<float> from(static_cast<size_t>(turn) * turns), y = unwritten<float>(static_cast<size_t>(blocks) * threads);
    for (size_t i = 0; i < from.size(); i++)
        from[i] = static_cast<float>(i);
    emulator::launch("peak_read", {blocks}, {threads}, 2 * threads * 64, y.data(), from.data(), turn * turns * 4);
    compare(
        "peak_read", y,
        [=](size_t i) {
            const int block = static_cast<int>(i / threads), last = (turns * block / static_cast<int>(blocks) + turns - 1) % turns;
            return last * turn + 3.0 * threads * 4 + 4.0 * (i % threads);
        },
        [](size_t) { return 0.0; });
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 5);
        chains(1, 32, 0, 1);
        chains(3, 64, 40, 0.75f);
        products<h16>(2, 64, 5);
        products<b16>(1, 32, 3);
        warpgroup_products<h16>(2, 256, 3);
        warpgroup_products<b16>(1, 128, 1);
        reading(3, 64, 5);
        reading(2, 32, 1);
        emulator::launch("peak_nothing", {2}, {32}, 0, 7);
    }
    return failures != 0;
}
