// warp.cpp: what a warp computes together: shuffles, votes, matrix loads and products of the tensor cores.
#include "emulator/block.h"

#include "emulator/device.h"
#include "emulator/sanitizers.h"

#include <cstring>
#include <immintrin.h>

namespace emulator
{
namespace
{
typedef float Row __attribute__((vector_size(32))); // eight columns

// A register of a fragment, over the warp, is an 8 x 8 matrix of 16-bit values: lane l holds row l / 4, columns 2 (l % 4) and the next.
void widen(FibreThread* const* lanes, int word, bool bfloat, float (&matrix)[8][8])
{
    for (unsigned l = 0; l < 32; l++) {
        const uint32_t pair = lanes[l]->in[word];
        for (unsigned e = 0; e < 2; e++) {
            const auto bits = static_cast<unsigned short>(pair >> 16 * e);
            matrix[l / 4][l % 4 * 2 + e] = bfloat ? b2f(b16{bits}) : h2f(h16{bits});
        }
    }
}

// d += a b in fp32, as mma.m16n8k16 spreads them over a warp (common/ptx.cuh). Products of halves are exact in fp32.
void multiply(FibreThread* const* lanes, bool bfloat)
{
    alignas(32) float a[4][8][8], b[2][8][8];
    for (int i = 0; i < 4; i++)
        widen(lanes, i, bfloat, a[i]);
    for (int i = 0; i < 2; i++)
        widen(lanes, 4 + i, bfloat, b[i]); // row n holds column n of b
    Row columns[16];                       // row k of b
    for (unsigned k = 0; k < 16; k++)
        for (unsigned n = 0; n < 8; n++)
            columns[k][n] = b[k / 8][n][k % 8];
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned g = 0; g < 8; g++) {
            Row sum = {};
            for (unsigned k = 0; k < 8; k++)
                sum += columns[k] * a[half][g][k] + columns[8 + k] * a[2 + half][g][k];
            for (unsigned c = 0; c < 4; c++) {
                FibreThread& t = *lanes[g * 4 + c];
                for (unsigned e = 0; e < 2; e++) {
                    float d;
                    std::memcpy(&d, &t.in[6 + 2 * half + e], 4);
                    d += sum[2 * c + e];
                    std::memcpy(&t.out[2 * half + e], &d, 4);
                }
            }
        }
    }
}

void load_matrices(FibreThread* const* lanes, int argument)
{
    const bool transposed = argument < 0;
    const unsigned matrices = static_cast<unsigned>(transposed ? -argument : argument);
    for (unsigned m = 0; m < matrices; m++) {
        unsigned short rows[8][8];
        for (unsigned r = 0; r < 8; r++) {
            const void* address;
            std::memcpy(&address, lanes[m * 8 + r]->in, sizeof address);
            std::memcpy(rows[r], address, sizeof rows[r]);
        }
        for (unsigned l = 0; l < 32; l++) {
            const unsigned r = l / 4, c = l % 4 * 2;
            const unsigned first = transposed ? rows[c][r] : rows[r][c], second = transposed ? rows[c + 1][r] : rows[r][c + 1];
            lanes[l]->out[m] = first | second << 16;
        }
    }
}

// Sixteen elements of a row of a tile of rows of 128 bytes that is swizzled over 1024 bytes: 16 bytes of it stay together.
struct Depth {
    Row low, high;
};

Row eight(size_t address, bool bfloat)
{
    const void* const from = reinterpret_cast<const void*>(address ^ (address >> 7 & 7) << 4);
    kernel_reads(from, 16);
    __m128i bits;
    std::memcpy(&bits, from, sizeof bits);
    return bfloat ? Row(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)) : Row(_mm256_cvtph_ps(bits));
}

Depth elements(const void* tile, unsigned row, bool bfloat)
{
    const size_t plain = reinterpret_cast<size_t>(tile) + row * 128;
    return {eight(plain, bfloat), eight(plain + 16, bfloat)};
}

float dot(const Depth& a, const Depth& b)
{
    const Row products = a.low * b.low + a.high * b.high;
    float sum = 0.0f;
    for (int i = 0; i < 8; i++)
        sum += products[i];
    return sum;
}
} // namespace

void compute(const PendingProduct& product, unsigned thread)
{
    const unsigned row = thread / 32 * 16 + thread % 32 / 4;
    const Depth above = elements(product.a, row, product.bfloat), below = elements(product.a, row + 8, product.bfloat);
    for (unsigned n = 0; n < static_cast<unsigned>(product.columns); n += 8) {
        for (unsigned e = 0; e < 2; e++) {
            const Depth b = elements(product.b, n + thread % 4 * 2 + e, product.bfloat);
            product.d[n / 2 + e] += dot(above, b);
            product.d[n / 2 + 2 + e] += dot(below, b);
        }
    }
}

void compute(Collective operation, uint32_t mask, int argument, FibreThread* const* lanes)
{
    switch (operation) {
    case Collective::Shuffle:
        for (unsigned l = 0; l < 32; l++)
            // A lane that is not there has nothing to give: NaN, as for memory that nobody wrote.
            if ((mask >> l & 1) != 0) lanes[l]->out[0] = (mask >> lanes[l]->in[1] & 1) != 0 ? lanes[lanes[l]->in[1]]->in[0] : ~0u;
        break;
    case Collective::Ballot: {
        uint32_t votes = 0;
        for (unsigned l = 0; l < 32; l++)
            if ((mask >> l & 1) != 0) votes |= lanes[l]->in[0] << l;
        for (unsigned l = 0; l < 32; l++)
            if ((mask >> l & 1) != 0) lanes[l]->out[0] = votes;
        break;
    }
    case Collective::LoadMatrix:
        load_matrices(lanes, argument);
        break;
    case Collective::Multiply:
        multiply(lanes, argument != 0);
        break;
    default:
        break;
    }
}
} // namespace emulator
