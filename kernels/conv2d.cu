// conv2d.cu: two-dimensional cross-correlation as an implicit matrix product, and its epilogue.
//   y[b,oy,ox] = epilogue(sum_{ky,kx,c} x[b, oy s - top + ky, ox s - left + kx, c] weight[n, ky, kx, c]), zero outside the input,
//   which may first be enlarged by nearest neighbour, and whose channels may come from two tensors.
// A 3x3 convolution of a map that is enlarged to twice its sides is four 2x2 convolutions of the map itself, its phases: three taps of a
// row meet two pixels, whose weights are w0 and w1 + w2 at an even column of the result, w0 + w1 and w2 at an odd one, and the same down
// the columns. One launch does all four, each with its rows of the weight, and lays their results side by side: four products for nine.
// A residual block whose number of channels changes ends in y = epilogue(conv(x) + conv1x1(shortcut)): the pixel of its shortcut, which may
// have two sources too, is one more tap of other channels, and its weight a second matrix that goes on where the first ends.
// Source    Chetlur et al. 2014 (cuDNN): windows are rows of a product that are addressed, not gathered. He et al. 2016: shortcuts.
// Shapes    x [B, H, W, Cx], skip [B, H, W, Cskip] or none; weight [N, kh * kw * (Cx + Cskip)] in rows of `stride` elements (a multiple of
//           8, zero-filled), of phases [N, 4, 2 * 2 * (Cx + Cskip)], a quarter of `stride` for each; y [B, OH, OW, N], of phases
//           [B, 2 OH, 2 OW, N], OH by OW the map. Of a shortcut: [B, H, W, Cx'] and [B, H, W, Cskip'] or none, OH by OW is H by W and the
//           stride 1; weight [N, Cx' + Cskip'] in rows as above.
// Launch    half types: grid (ceil(B OH OW / m), ceil(N / n), phases * parts) of the tile in the kernel's name, threads and dynamic shared
//           memory as the tile says (common/product.cuh); `_any` takes any channels and address; the others want all channel counts to be
//           multiples of 8 and 16-byte addresses; `_g` is by wgmma. f32: grid (ceil(B OH OW / 64), ceil(N / 64), phases), 256 threads.
// Cost      2 B OH OW N (kh kw C + C') operations for each phase; the windows overlap in the caches.
#include "common/product.cuh"
#include "common/window.cuh"

// A division of 64 bits, dozens of instructions: not for each element of a window by itself.
DEVICE_ONCE int before_enlargement(int at, int size, int tall)
{
    return enlarged_from(at, size, tall);
}

// What a shortcut takes its pixels from; no channels where there is none.
template <typename T> struct Shortcut {
    const T* x;
    const T* skip;
    int x_channels, skip_channels;
};

// The rows of two weights, one after the other.
template <typename T> struct JoinedColumns {
    Columns<T> first, second;
    int start; // of the second in a sum: the first one's stride; beyond all where there is none
    int depth; // of both

    DEVICE_MEMBER const char* place(int k) const { return k < start ? first.place(k) : second.place(k - start); }
    DEVICE_MEMBER unsigned row(int n, int k) const { return k < start ? first.row(n, k) : second.row(n, k); }
    DEVICE_MEMBER bool next(const char*& place, int k) const
    {
        first.next(place, k);
        if ((unsigned)(k - start) >= TileDepth) return false;
        place = second.place(k - start);
        return true;
    }
};

// Row m is the window of output position m, and then its pixel of the shortcut. An enlargement is to twice the size, or, if it is Free, to
// any; and if it is not Free, windows and shortcut are whole eights.
template <typename T, bool Free> struct Windows {
    struct Row {
        int sample; // its first pixel
        int y, x;   // of the window's corner; far outside beyond the last row
    };
    // A channel of a tap; those of skip follow those of x, and then come the shortcut's. What no row changes of its address stands beside
    // it and is found anew where a source or a tap ends, not at each stage.
    struct Place {
        int y, x; // of the tap
        int c, end;
        const char* from; // of the first pixel
        int bytes;        // of a pixel
    };
    static constexpr int Nowhere = -(1 << 20);
    const T* x;
    const T* skip;
    ConvGeometry g;
    Shortcut<T> shortcut;
    int depth, start; // where the windows end and the shortcut begins; between them lies the padding of the weight
    int rows, phase;  // a phase's windows begin at their pixel, or one before it

    DEVICE_MEMBER Row row(int m) const
    {
        const int positions = g.out_height * g.out_width, b = m / positions, position = m - b * positions, y = position / g.out_width;
        if (m >= rows) return {0, Nowhere, Nowhere};
        return {b * g.height * g.width, y * g.stride - g.top + phase / 2, (position - y * g.out_width) * g.stride - g.left + phase % 2};
    }

    DEVICE_MEMBER Place place(int k) const
    {
        const int channels = g.x_channels + g.skip_channels, tap = k / channels, y = tap / g.kernel_width;
        Place place = {y, tap - y * g.kernel_width, k - tap * channels, 0, nullptr, 0};
        turn(place, k);
        return place;
    }

    DEVICE_MEMBER void next(Place& place, int k) const
    {
        place.c += TileDepth;
        place.from += TileDepth * sizeof(T);
        if (place.c >= place.end) turn(place, k);
    }

    DEVICE_MEMBER void step(Place& place, int k) const
    {
        place.c++;
        place.from += sizeof(T);
        if (place.c >= place.end) turn(place, k);
    }

    DEVICE_MEMBER Found<T> at(const Row& row, const Place& place) const
    {
        int py = row.y + place.y, px = row.x + place.x;
        const bool inside = (unsigned)py < (unsigned)g.tall && (unsigned)px < (unsigned)g.wide;
        if constexpr (Free) {
            py = !inside ? 0 : g.tall == g.height ? py : before_enlargement(py, g.height, g.tall);
            px = !inside ? 0 : g.wide == g.width ? px : before_enlargement(px, g.width, g.wide);
        } else {
            py >>= g.tall != g.height;
            px >>= g.wide != g.width;
        }
        const int pixel = (int)((unsigned)row.sample + (unsigned)py * g.width + px);
        return {reinterpret_cast<const T*>(place.from + (long long)pixel * place.bytes), inside}; // one multiply-add
    }

  private:
    // Brings a place back among the channels of a tap, and finds its source.
    DEVICE_MEMBER void turn(Place& place, int k) const
    {
        const int channels = g.x_channels + g.skip_channels;
        if (k >= start) { // the shortcut's pixel is the output's own
            place.y = g.top;
            place.x = g.left;
            place.c = channels + k - start;
        } else if (Free && k >= depth) {
            place = {Nowhere, Nowhere, channels + k - start, channels, nullptr, 0};
            return;
        }
        for (; k < start && place.c >= channels; place.c -= channels) {
            if (++place.x == g.kernel_width) {
                place.x = 0;
                place.y++;
            }
        }
        int first = 0;
        const T* source = x;
        place.bytes = g.x_channels;
        place.end = g.x_channels;
        const auto pass = [&](const T* next, int width) {
            if (place.c < place.end) return;
            first = place.end;
            source = next;
            place.bytes = width;
            place.end = first + width;
        };
        pass(skip, g.skip_channels);
        if (k >= start) {
            pass(shortcut.x, shortcut.x_channels);
            pass(shortcut.skip, shortcut.skip_channels);
        }
        place.from = reinterpret_cast<const char*>(source + (place.c - first));
        place.bytes *= sizeof(T);
    }
};

// Makes the operands those of one of the products that lie one after the other along z: 0 where there is but one. Once a block.
template <typename T> DEVICE void choose(int phase, JoinedColumns<T>& weight, Epilogue<T>& epilogue)
{
    weight.first.weight += phase * (weight.first.stride / Phases);
    epilogue.phase = phase;
}

KERNEL conv2d_f32(const float* x, const float* skip, const ConvGeometry geometry, const Shortcut<float> shortcut,
                  JoinedColumns<float> weight, Epilogue<float> epilogue)
{
    choose(blockIdx.z, weight, epilogue);
    const Windows<float, true> source{x, skip, geometry, shortcut, weight.first.depth, weight.start, epilogue.rows, epilogue.phase};
    float_product(source, weight, epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}
EXPORT(conv2d_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL THREADS(Shape::threads) name(const T* x, const T* skip, const ConvGeometry geometry, const Shortcut<T> shortcut,                \
                                        JoinedColumns<T> weight, Epilogue<T> epilogue, const Split split)                                  \
    {                                                                                                                                      \
        DYNAMIC_SHARED(T, shared);                                                                                                         \
        choose(blockIdx.z / split.parts, weight, epilogue);                                                                                \
        const Windows<T, Width == 1> source{x, skip, geometry, shortcut, weight.first.depth, weight.start, epilogue.rows, epilogue.phase}; \
        const int number = (epilogue.phase * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;                                             \
        half_product<T, Shape, Width>(shared, source, weight, epilogue, blockIdx.x * Shape::m, blockIdx.y * Shape::n, split, number,       \
                                      blockIdx.z % split.parts);                                                                           \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T) FOR_EACH_TILE(TILE, conv2d_##suffix, T)
FOR_EACH_HALF(INSTANCE)
