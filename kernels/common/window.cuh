// window.cuh: where the windows of a convolution lie in its input.
#pragma once
#include "common/device.cuh"

struct ConvGeometry {
    int height, width;         // of the input
    int tall, wide;            // of the enlarged input; as above without enlargement
    int out_height, out_width; // of the result
    int kernel_width;
    int stride, top, left;
    int x_channels, skip_channels;
};

// The row or column of an input of `size` behind one of its enlargement to `tall`.
DEVICE int enlarged_from(int at, int size, int tall)
{
    return tall == 2 * size ? at >> 1 : (int)((long long)at * size / tall);
}

// An element of the input, which may have two sources; null outside it. (y, x) is a place in the enlarged input.
template <typename T> DEVICE const T* window_element(const ConvGeometry& g, const T* first, const T* skip, int b, int y, int x, int c)
{
    if (y < 0 || y >= g.tall || x < 0 || x >= g.wide) return nullptr;
    if (g.tall != g.height || g.wide != g.width) {
        y = enlarged_from(y, g.height, g.tall);
        x = enlarged_from(x, g.width, g.wide);
    }
    const size_t pixel = ((size_t)b * g.height + y) * g.width + x;
    return c < g.x_channels ? first + pixel * g.x_channels + c : skip + pixel * g.skip_channels + (c - g.x_channels);
}
