// emulator_test.cpp: the emulated device must see the faults that it is there for, or a kernel's green test means nothing.
#include "host/check.h"
#include "host/launch.h"

#include <cmath>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using emulator::Order;

static const Order orders[] = {Order::Ascending, Order::Descending, Order::Random};

static std::string error_of(const std::function<void()>& launch)
{
    try {
        launch();
        return "no error";
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

static void must_say(const std::string& kernel, unsigned threads, const std::vector<std::string>& words)
{
    std::vector<float> out(threads + 1), in(4 * 64);
    for (const Order order : orders) {
        emulator::order(order, 3);
        const std::string text = error_of([&] {
            const size_t shared = threads == 128 ? 2 * 64 * 128 : 0;
            if (kernel == "planted_no_wait" || kernel == "planted_misaligned_copy" || kernel == "planted_product_without_fence")
                emulator::launch(kernel, {1}, {threads}, shared, out.data(), in.data());
            else
                emulator::launch(kernel, {1}, {threads}, shared, out.data());
        });
        for (const std::string& word : words)
            check(text.find(word) != std::string::npos, kernel + " says '" + word + "': " + text);
    }
}

// In how many of the three orders a kernel gives a wrong result.
[[maybe_unused]] static int wrong_orders(const std::function<void(std::vector<float>&)>& launch, const std::vector<float>& right)
{
    int wrong = 0;
    for (const Order order : orders) {
        emulator::order(order, 3);
        std::vector<float> out(right.size(), NAN);
        launch(out);
        wrong += out != right;
    }
    return wrong;
}

static void faults_are_reported()
{
    must_say("planted_barrier_in_half", 64,
             {"kernel planted_barrier_in_half, block (0, 0, 0): threads diverge:", "33 at __syncthreads, planted.cu:", "31 finished."});
    must_say("planted_shuffle_in_half", 32, {"threads diverge:", "16 at a shuffle, planted.cu:"});
    must_say("planted_different_calls", 32,
             {"lanes of a warp meet in different calls: ", "a shuffle, planted.cu:", "__syncwarp, planted.cu:"});
    must_say("planted_different_barriers", 64, {"threads meet in different barriers: planted.cu:"});
    must_say("planted_no_wait", 32, {"ends without waiting for its cp.async"});
    must_say("planted_misaligned_copy", 32, {"cp.async wants multiples of 16 bytes, planted.cu:"});
    must_say("planted_misaligned_matrix", 32, {"ldmatrix wants rows at multiples of 16 bytes, planted.cu:"});
    must_say("planted_shuffle_in_half", 33, {"threads diverge:"});
    must_say("planted_product_without_fence", 128, {"wgmma reads what cp.async wrote without a fence between, planted.cu:"});
    must_say("planted_product_nobody_waits_for", 128, {"ends without waiting for its wgmma"});
    must_say("planted_misplaced_tile", 128, {"wgmma wants four warps and tiles that begin at multiples of 1024 bytes, planted.cu:"});
    const std::string left = error_of([] {
        float out[32];
        emulator::launch_clusters(2, "planted_cluster_without_one", {4}, {32}, 0, out);
    });
    check(left.find("block (0, 0, 0): threads diverge: 32 at cluster_wait, planted.cu:") != std::string::npos,
          "a block ends alone: " + left);
    check(error_of([] { emulator::launch("nothing", {1}, {32}, 0); }) == "no kernel 'nothing' is linked into this program",
          "an unknown kernel");
    check(error_of([] { emulator::launch("planted_equal_race", {1}, {32}, 0, 1); }) ==
              "parameter 0 of planted_equal_race has 8 bytes, the argument 4",
          "an argument of another size");
}

[[maybe_unused]] static void faults_change_results()
{
    std::vector<float> neighbours(64), in(8 * 32 * 4), first(32), sums(32);
    for (unsigned i = 0; i < 64; i++)
        neighbours[i] = static_cast<float>((i + 1) % 64);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = static_cast<float>(i);
    for (unsigned i = 0; i < 32; i++) {
        first[i] = in[i * 4];
        for (unsigned step = 0; step < 8; step++)
            sums[i] += in[(step * 32 + (i + 1) % 32) * 4];
    }
    check(wrong_orders([](auto& out) { emulator::launch("planted_missing_barrier", {1}, {64}, 0, out.data()); }, neighbours) == 3,
          "a missing barrier shows: shared memory begins as NaN");
    check(wrong_orders([&](auto& out) { emulator::launch("planted_early_overwrite", {1}, {32}, 0, out.data(), in.data(), 8); }, sums) == 3,
          "a missing second barrier of a ring shows: the target of a copy is NaN until it is waited for");
    check(wrong_orders([&](auto& out) { emulator::launch("planted_read_before_wait", {1}, {32}, 0, out.data(), in.data()); }, first) == 3,
          "reading before the wait shows");
    check(wrong_orders([](auto& out) { emulator::launch("planted_unwritten_shared", {1}, {32}, 128, out.data()); },
                       std::vector<float>(32, 1.0f)) == 3,
          "dynamic shared memory that nobody wrote shows");
    check(wrong_orders([](auto& out) { emulator::launch("planted_product_overwritten", {1}, {128}, 2 * 64 * 128, out.data()); },
                       std::vector<float>(128, 16.0f)) == 3,
          "a tile that is overwritten under a product shows");
}

// Two clusters of three blocks: each block has the sum of its cluster's.
static void clusters_meet()
{
    constexpr unsigned threads = 64;
    std::vector<float> sums(6 * threads);
    for (unsigned i = 0; i < sums.size(); i++)
        for (unsigned rank = 0; rank < 3; rank++)
            sums[i] += static_cast<float>((i / threads / 3 * 3 + rank) * threads + i % threads);
    const auto run = [](const char* name) {
        return [name](auto& out) { emulator::launch_clusters(3, name, {6}, {threads}, threads * sizeof(float), out.data()); };
    };
    check(wrong_orders(run("sound_cluster"), sums) == 0, "blocks of a cluster read each other's shared memory");
#if !defined(__SANITIZE_THREAD__) // which reports the race by itself
    check(wrong_orders(run("planted_cluster_without_barrier"), sums) == 3, "a missing barrier of a cluster shows");
#endif
}

static void words_mean_what_they_say()
{
    constexpr unsigned threads = 64;
    for (const Order order : orders) {
        emulator::order(order, 5);
        std::vector<unsigned> votes(threads), matrices(threads * 4);
        std::vector<int> shuffled(threads);
        float sum = 0;
        emulator::launch("sound_words", {3}, {threads}, 0, votes.data(), shuffled.data(), &sum, matrices.data());
        check(sum == 3 * threads * 0.5f, "atomicAdd adds every thread's value once");
        for (unsigned t = 0; t < threads; t++) {
            const int lane = static_cast<int>(t % 32), up = lane == 0 ? 0 : lane - 1, down = lane == 31 ? 31 : lane + 1;
            check(votes[t] == 0x49249249u, "a vote has a bit for each lane");
            const int expected = 7 + 100 * up + 10000 * down + 1000000 + (lane < 16 ? 10000000 * ((lane ^ 8) / 8) : 0);
            check(shuffled[t] == expected, "shuffles of lane " + std::to_string(lane) + ": " + std::to_string(shuffled[t]));
            for (unsigned m = 0; m < 2; m++) {
                const unsigned r = t % 32 / 4, c = t % 4 * 2, base = m * 64;
                check(matrices[(t * 2 + m) * 2] == ((base + r * 8 + c) | (base + r * 8 + c + 1) << 16), "ldmatrix.x2");
                check(matrices[(t * 2 + m) * 2 + 1] == ((base + c * 8 + r) | (base + (c + 1) * 8 + r) << 16), "ldmatrix.x2.trans");
            }
        }
    }
}

static void halves_round_as_ieee_says()
{
    check(f2h(65520.0f).u == 0x7C00 && f2h(65519.0f).u == 0x7BFF, "half precision overflows to infinity from 65520 on");
    check(f2h(2049.0f).u == 0x6800 && f2h(2051.0f).u == 0x6802 && f2h(0x1.8p-24f).u == 2, "half precision rounds ties to even");
    check(h2f({0x3555}) == 0.333251953125f && h2f({1}) == 0x1p-24f, "half precision widens exactly");
    check(f2b(0x1.01p0f).u == 0x3F80 && f2b(0x1.03p0f).u == 0x3F82 && std::isnan(b2f(f2b(NAN))), "bfloat16 rounds ties to even");
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const h16 half = {static_cast<unsigned short>(bits)};
        const b16 brain = {static_cast<unsigned short>(bits)};
        check(std::isnan(h2f(half)) ? (bits & 0x7FFF) > 0x7C00 : f2h(h2f(half)).u == bits, "every half comes back");
        check(std::isnan(b2f(brain)) ? (bits & 0x7FFF) > 0x7F80 : f2b(b2f(brain)).u == bits, "every bfloat16 comes back");
    }
}

// What a sanitizer says of a launch, which it may end.
[[maybe_unused]] static std::string report_of(const std::function<void()>& launch)
{
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        launch();
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char piece[4096];
    for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;)
        text.append(piece, static_cast<size_t>(n));
    close(ends[0]);
    waitpid(child, nullptr, 0);
    return text;
}

// Which sanitizer sees which fault; without one, overflows are not looked for here (canaries: the driver's allocations).
static void sanitizers_see()
{
    [[maybe_unused]] const auto sees = [](const char* word, const std::string& kernel, unsigned threads, size_t shared, bool seen = true) {
        const std::string text = report_of([&] {
            std::vector<float> out(threads);
            emulator::order(Order::Ascending, 1);
            emulator::launch(kernel, {1}, {threads}, shared, out.data());
        });
        check((text.find(word) != std::string::npos && text.find("planted.cu:") != std::string::npos) == seen,
              kernel + (seen ? " is seen with its line: " : " has no report: ") + text.substr(0, 1500));
    };
#if defined(__SANITIZE_ADDRESS__)
    sees("runtime error", "planted_static_overflow", 64, 0); // UndefinedBehaviorSanitizer is the first to see it
    sees("AddressSanitizer", "planted_dynamic_overflow", 64, 256);
    sees("AddressSanitizer", "planted_global_underflow", 32, 0);
    const std::string text = report_of([] {
        std::vector<float> out(200);
        emulator::launch("planted_global_overflow", {4}, {64}, 0, out.data(), 200);
    });
    check(text.find("heap-buffer-overflow") != std::string::npos && text.find("planted.cu:") != std::string::npos,
          "a global overflow: " + text);
#elif defined(__SANITIZE_THREAD__)
    sees("data race", "planted_equal_race", 64, 0);
    sees("data race", "planted_missing_barrier", 64, 0);
    sees("data race", "planted_different_barriers", 32, 0, false);
#endif
}

int main()
{
    faults_are_reported();
#if !defined(__SANITIZE_THREAD__)
    faults_change_results(); // races, which ThreadSanitizer reports by itself
#endif
    clusters_meet();
    words_mean_what_they_say();
    halves_round_as_ieee_says();
    sanitizers_see();
    return failures != 0;
}
