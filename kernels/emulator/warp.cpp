// warp.cpp: what a warp computes together: shuffles, votes, matrix loads and products of the tensor cores.
#include "emulator/block.h"

#include "emulator/device.h"
#include "emulator/sanitizers.h"

#include <cstring>

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

// Element k of a row of a tile of rows of 128 bytes that is swizzled over 1024 bytes.
float element(const void* tile, unsigned row, unsigned k, bool bfloat)
{
    const size_t plain = reinterpret_cast<size_t>(tile) + row * 128 + k * 2;
    unsigned short bits;
    kernel_reads(reinterpret_cast<const void*>(plain ^ (plain >> 7 & 7) << 4), sizeof bits);
    std::memcpy(&bits, reinterpret_cast<const void*>(plain ^ (plain >> 7 & 7) << 4), sizeof bits);
    return bfloat ? b2f(b16{bits}) : h2f(h16{bits});
}
} // namespace

void compute(const PendingProduct& product, unsigned thread)
{
    constexpr unsigned Depth = 16;
    float a[2][Depth];
    for (unsigned half = 0; half < 2; half++)
        for (unsigned k = 0; k < Depth; k++)
            a[half][k] = element(product.a, thread / 32 * 16 + thread % 32 / 4 + half * 8, k, product.bfloat);
    for (unsigned n = 0; n < static_cast<unsigned>(product.columns); n += 8) {
        for (unsigned e = 0; e < 2; e++) {
            float sum[2] = {};
            for (unsigned k = 0; k < Depth; k++) {
                const float b = element(product.b, n + thread % 4 * 2 + e, k, product.bfloat);
                sum[0] += a[0][k] * b;
                sum[1] += a[1][k] * b;
            }
            product.d[n / 2 + e] += sum[0];
            product.d[n / 2 + 2 + e] += sum[1];
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
