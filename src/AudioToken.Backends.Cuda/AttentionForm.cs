using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>Which kernel computes an attention, and its launch. As Form in attention.cu.</summary>
/// <param name="File">The kernel's file.</param>
/// <param name="Ending">Ending of its name.</param>
/// <param name="Rows">Queries of a block.</param>
/// <param name="Slices">Blocks that share a head's columns.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct AttentionForm(string File, string Ending, int Rows, int Slices, int Threads, int SharedBytes)
{
    /// <summary>The widest head.</summary>
    public const int MaxWidth = 512;

    // Width, columns of a slice, tiles of 16 queries a warp, warps below each other, warps that share the keys, keys of a step, steps of a
    // stage: the table at the end of attention.cu.
    private static readonly (int Width, AttentionForm Form)[] s_tiled =
    [
        Tiled("_16", 16, 16, 1, 4, 1, 32, 2),
        Tiled("_32", 32, 32, 1, 4, 1, 32, 2),
        Tiled("_40", 40, 40, 2, 8, 1, 32, 4),
        Tiled("_64", 64, 64, 1, 4, 1, 32, 2),
        Tiled("_80", 80, 80, 2, 4, 2, 16, 2),
        Tiled("_128", 128, 128, 1, 4, 1, 16, 2),
        Tiled("_160", 160, 160, 1, 2, 2, 16, 1),
        Tiled("_256", 256, 128, 1, 4, 1, 16, 1),
        Tiled("_512", 512, 128, 1, 8, 1, 16, 1),
    ];

    /// <summary>The form for a head width.</summary>
    /// <param name="storage">Type of the operands.</param>
    /// <param name="width">1 to <see cref="MaxWidth"/>.</param>
    /// <param name="packed">Heads are whole multiples of 16 bytes, at such addresses.</param>
    public static AttentionForm For(DType storage, int width, bool packed)
    {
        if (storage != DType.F32 && packed)
        {
            foreach ((int most, AttentionForm form) in s_tiled)
            {
                if (width <= most)
                    return form;
            }
        }

        // A lane has 2, 5 or 16 columns; keys or values of a step and the shares of 32 queries lie in shared memory.
        string ending = width <= 2 * 32 ? "_2" : width <= 5 * 32 ? "_5" : "_16";
        int keys = width <= 5 * 32 ? 64 : 32;
        return new("attention_plain", ending, 32, 1, 256, keys * (width + 33) * sizeof(float));
    }

    private static (int Width, AttentionForm Form) Tiled(string ending, int width, int columns, int tiles, int rowWarps, int keyWarps, int step, int turns)
    {
        // Three stages of keys and values; afterwards, for all warps but the first that share keys, their sums, totals and maxima.
        int ring = 2 * 3 * keyWarps * turns * step * (Odd(width) + Odd(columns));
        int sums = sizeof(float) * 32 * (keyWarps - 1) * rowWarps * tiles * ((columns / 2) + 4);
        return (width, new AttentionForm("attention", ending, 16 * tiles * rowWarps, width / columns, 32 * rowWarps * keyWarps, Math.Max(ring, sums)));
    }

    // Elements from row to row: an odd number of 16 bytes.
    private static int Odd(int elements) => elements / 8 % 2 == 0 ? elements + 8 : elements;
}
