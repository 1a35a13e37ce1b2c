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

    // Width, warps, keys at a time, columns of a slice: the table at the end of attention.cu.
    private static readonly (int Width, AttentionForm Form)[] s_tiled =
    [
        Tiled("_16", 16, 4, 64, 16),
        Tiled("_32", 32, 4, 64, 32),
        Tiled("_48", 48, 4, 64, 48),
        Tiled("_64", 64, 4, 64, 64),
        Tiled("_80", 80, 4, 64, 80),
        Tiled("_128", 128, 4, 64, 128),
        Tiled("_160", 160, 4, 32, 160),
        Tiled("_256", 256, 4, 32, 128),
        Tiled("_512", 512, 2, 32, 128),
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

        // A lane has 2, 5 or 16 columns; keys or values of 32 rows and the shares of 32 queries lie in shared memory.
        string ending = width <= 2 * 32 ? "_2" : width <= 5 * 32 ? "_5" : "_16";
        return new("attention_plain", ending, 32, 1, 256, ((32 * (width + 1)) + (32 * 32)) * sizeof(float));
    }

    private static (int Width, AttentionForm Form) Tiled(string ending, int width, int warps, int keys, int columns)
    {
        int shared = 2 * ((((16 * warps) + keys) * (width + 8)) + (keys * (columns + 8)));
        return (width, new AttentionForm("attention", ending, 16 * warps, width / columns, 32 * warps, shared));
    }
}
