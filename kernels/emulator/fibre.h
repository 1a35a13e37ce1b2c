// fibre.h: a stack of its own and the way to and from it, told to AddressSanitizer and ThreadSanitizer.
#pragma once
#include <cstddef>

namespace emulator
{
class Fibre
{
  public:
    Fibre() = default; // of the thread that calls: the one that others return to
    ~Fibre();
    Fibre(const Fibre&) = delete;
    Fibre& operator=(const Fibre&) = delete;

    // Begins anew with `entry`, which never returns. Stacks of different colours do not share the same sets of the caches.
    void prepare(void (*entry)(), size_t colour);

    // Leaves this fibre for another. It comes back when another one switches here; not at all if it has `ended`.
    void switch_to(Fibre& other, bool ended = false);

    // To be called first by `entry`.
    static void arrived();

  private:
    void* stack_pointer_ = nullptr;
    char* stack_ = nullptr;
    [[maybe_unused]] const void* bottom_ = nullptr; // what the sanitizers want to know
    [[maybe_unused]] size_t size_ = 0;
    [[maybe_unused]] void* fake_ = nullptr;
    [[maybe_unused]] void* race_ = nullptr;
};
} // namespace emulator
