// fibre.cpp: thirteen instructions for x86-64 (System V), and what the sanitizers must be told about them.
#include "emulator/fibre.h"

#include "emulator/sanitizers.h"

#include <new>
#include <sys/mman.h>

#if !defined(__x86_64__)
#error "the emulated device switches stacks on x86-64 only"
#endif

extern "C" void emulator_switch(void** save, void* to);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch,@function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch,.-emulator_switch
)");

namespace emulator
{
namespace
{
constexpr size_t StackBytes = SanitizedAddresses ? 512 << 10 : 128 << 10;
constexpr size_t GuardBytes = 4096;

thread_local Fibre* previous; // whom the fibre that runs came from

// Marks of frames that were never left would outlive them: on a stack that begins anew, or in memory that becomes another's.
void forget_frames([[maybe_unused]] char* stack)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stack + GuardBytes, StackBytes - GuardBytes);
#endif
}
} // namespace

Fibre::~Fibre()
{
    if (stack_ == nullptr) return;
    forget_frames(stack_);
    munmap(stack_, StackBytes);
#if defined(ATK_THREAD_SANITIZER)
    __tsan_destroy_fiber(race_);
#endif
}

void Fibre::prepare(void (*entry)(), size_t colour)
{
    if (stack_ == nullptr) {
        void* const memory = mmap(nullptr, StackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        stack_ = static_cast<char*>(memory);
        mprotect(stack_, GuardBytes, PROT_NONE); // an overflow is a fault, not another fibre's values
#if defined(ATK_THREAD_SANITIZER)
        race_ = __tsan_create_fiber(0);
#endif
    }
    forget_frames(stack_);
    bottom_ = stack_;
    size_ = StackBytes;
    fake_ = nullptr;
    // 17 lines of 64 bytes from one to the next.
    void** top = reinterpret_cast<void**>(stack_ + StackBytes - 64 - colour * 1088 % 16384 / 16 * 16);
    *--top = nullptr; // the stack's end for whoever walks it, and the alignment that a call leaves
    *--top = reinterpret_cast<void*>(entry);
    for (int registers = 0; registers < 6; registers++)
        *--top = nullptr;
    stack_pointer_ = top;
}

void Fibre::switch_to(Fibre& other, [[maybe_unused]] bool ended)
{
    previous = this;
#if defined(ATK_THREAD_SANITIZER)
    if (race_ == nullptr) race_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(other.race_, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(ended ? nullptr : &fake_, other.bottom_, other.size_);
#endif
    emulator_switch(&stack_pointer_, other.stack_pointer_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_, &previous->bottom_, &previous->size_);
#endif
}

void Fibre::arrived()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &previous->bottom_, &previous->size_);
#endif
}
} // namespace emulator
