// count_step.cu: counts the steps of a loop on the device: the last kernel of a recorded step.
//   step = step + 1
// Shapes    step [1].
// Launch    one block of 32 threads.
// Cost      none but the launch.
#include "common/device.cuh"

KERNEL count_step(int* step)
{
    if (threadIdx.x == 0) *step += 1;
}
EXPORT(count_step)
