// block.h: runs the threads of one block, each as a fibre, until all have ended or none can go on. A block of a cluster then goes on when
// the cluster's barrier opens; static shared memory is not kept apart among the blocks of a cluster, only the dynamic one is.
#pragma once
#include "emulator/fibre.h"
#include "emulator/thread.h"

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace emulator
{
// In which order a block's threads take their turns. A thread that is early in the order runs on until it must wait.
enum class Order { Random, Ascending, Descending };

enum class State { Ready, AtBarrier, AtClusterBarrier, AtCollective, Done };

// A copy into shared memory between its issue and the wait for it.
struct PendingCopy {
    void* to;
    const void* from;
    size_t bytes;
    bool valid;
};

// A thread's share of a warpgroup's product between its issue and the wait for it.
struct PendingProduct {
    float* d;
    int columns;
    const void *a, *b;
    bool bfloat, done;
};

struct FibreThread : Thread {
    Fibre fibre;
    size_t number = 0;
    State state = State::Ready;
    Place place{};
    Collective operation = Collective::None;
    uint32_t mask = 0;
    int argument = 0;
    std::vector<PendingCopy> copies;
    std::vector<size_t> groups; // copies in each closed group
    std::vector<PendingProduct> products;
    std::vector<size_t> product_groups;
    bool unfenced = false; // copies have come that products must not read yet
};

// Where lanes of a mask come together. Two tokens in turn: a lane may be on its way to the next meeting while others still leave this one.
struct Meeting {
    uint32_t arrived = 0;
    unsigned generation = 0;
    char token[2] = {};
};

// What the blocks of a cluster have in common.
struct Cluster {
    std::vector<unsigned char*> shared; // memory of each
    char token[2] = {};
};

class Block
{
  public:
    // Makes one block ready to go. The seed and the block's number decide the order of Random.
    void begin(const Kernel& kernel, void* const* arguments, const Launch& launch, uint3 index, Order order, uint64_t seed,
               Cluster& cluster);
    // Runs until nothing goes on; whether all threads wait for the other blocks of the cluster, whose barrier opens at the next call.
    bool go();
    // Empty, or what went wrong.
    std::string end();

    void barrier(Place place);
    void cluster_barrier(Place place);
    void collect(Collective operation, uint32_t mask, int argument, Place place);
    // The block has failed: its threads go no further than their next wait.
    void fail(const std::string& what);
    [[noreturn]] void abandon();
    size_t threads() const { return count_; }
    bool toss() { return (random_() >> 8 & 1) != 0; }

  private:
    static void thread_main();
    void prepare(const Launch& launch, uint3 index, Cluster& cluster);
    bool is_at_cluster_barrier() const { return failure_.empty() && at_cluster_barrier_ == count_; }
    void wait(FibreThread& thread);
    FibreThread* next();
    void set_ready(size_t number) { ready_[number / 64] |= uint64_t{1} << number % 64; }
    void check_row(const FibreThread& me, int argument, Place place);
    void finish_collective(Meeting& meeting, FibreThread& last);
    std::string deadlock() const;
    std::string where() const;

    std::vector<std::unique_ptr<FibreThread>> threads_; // kept from block to block for their stacks
    std::vector<uint64_t> ready_;                       // a bit a thread
    std::vector<Meeting> meetings_;                     // of each warp, by the lowest lane of the mask
    std::unique_ptr<unsigned char, void (*)(void*)> memory_{nullptr, std::free};
    size_t memory_bytes_ = 0;
    size_t count_ = 0, done_ = 0, at_barrier_ = 0, at_cluster_barrier_ = 0;
    Meeting barrier_;
    Cluster* cluster_ = nullptr;
    unsigned cluster_generation_ = 0;
    char begin_token_ = 0, end_token_ = 0;
    Fibre scheduler_;
    Order order_ = Order::Random;
    std::minstd_rand random_; // below 2^31
    const Kernel* kernel_ = nullptr;
    void* const* arguments_ = nullptr;
    uint3 index_{};
    std::string failure_;
};

// "file.cu:12", without the folders.
std::string describe(Place place);
const char* describe(Collective operation);

// Computes the outputs of the lanes of a mask from their inputs; `lanes` are the warp's 32 threads.
void compute(Collective operation, uint32_t mask, int argument, FibreThread* const* lanes);

// This thread's sums of a warpgroup's product (common/ptx.cuh).
void compute(const PendingProduct& product, unsigned thread);
} // namespace emulator
