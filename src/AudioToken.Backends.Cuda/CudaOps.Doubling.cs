using System.Buffers;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// 3x3 convolutions of maps of twice the sides, as four 2x2 ones of the maps themselves: kernels/conv2d.cu says which.
public sealed unsafe partial class CudaOps
{
    private const int Phases = 4; // as in common/epilogue.cuh
    private const int Taps = 9;

    private static bool IsDoubling(Shape x, in ConvGeometry geometry) =>
        geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 } && geometry.UpsampleHeight == 2L * x[1] && geometry.UpsampleWidth == 2L * x[2];

    // A weight whose phases are made once: summed in fp32 from the values of the file, rounded once. They take 16 places for 9, and are all that is on the
    // device, until an enlargement to another size or a gradient asks for the rows of the weight itself. These are not among the sums, but for its corners:
    // so the host keeps the values.
    private CudaWeight LoadPhases(WeightSource source, WeightRole role)
    {
        long bytes = _counts ? 0 : source.Shape.Count * Storage.Size();
        KeptWeightSource kept = new(source.Name, source.Shape, Storage, new byte[bytes]);
        int depth = checked(4 * source.Shape[1]);
        RequireReach(source.Shape[0], checked(Phases * Padded(depth)), nameof(LoadWeight));
        CudaRows phases = Filled(_weightMemory, source.Shape[0], depth, checked(Phases * Padded(depth)), Storage, rows => SendPhases(source, rows, kept));
        return new CudaWeight(this, kept, role, phases);
    }

    /// <summary>The phases of a weight in the type that operations compute with; where they rest in another, those of the kept values, which the innermost open scope owns.</summary>
    private ProductColumns PhaseColumns(CudaWeight weight)
    {
        CudaRows phases = weight.Phases!.Value;
        if (phases.Type != _storage)
        {
            // Not the rounded sums widened: a backend of this type would have none such.
            Tensor sums = Allocate([phases.Count, phases.Stride], _storage);
            phases = phases with { Block = (Memory.DeviceBlock)sums.Storage, Type = _storage };
            if (!_idle)
                SendPhases(weight.Kept!, phases, null);
        }

        return new ProductColumns { Address = phases.Block.Pointer.Address, Stride = phases.Stride, Depth = phases.Depth };
    }

    private void SendPhases(WeightSource source, CudaRows to, KeptWeightSource? kept)
    {
        if (to.Depth == 0)
            return;
        if (to.Type == DType.F32)
            SendPhases<float>(source, to, kept);
        else
            SendPhases<ushort>(source, to, kept);
    }

    private void SendPhases<T>(WeightSource source, CudaRows to, KeptWeightSource? kept)
        where T : unmanaged
    {
        int channels = source.Shape[1], length = channels * Taps;
        SendRows<T>(source, to, (first, count, sent) =>
        {
            float[] read = ArrayPool<float>.Shared.Rent(count * length), sums = ArrayPool<float>.Shared.Rent(to.Stride);
            Span<float> values = read.AsSpan(0, count * length);
            source.Read(first * length, values);
            if (kept is not null)
                Round(values, kept.Values<T>().Slice(checked((int)(first * length)), values.Length), to.Type);
            sums.AsSpan(0, to.Stride).Clear(); // the phases' paddings
            for (int row = 0; row < count; row++)
            {
                Sum(values.Slice(row * length, length), sums.AsSpan(0, to.Stride), channels);
                Round(sums.AsSpan(0, to.Stride), sent.Slice(row * to.Stride, to.Stride), to.Type);
            }

            ArrayPool<float>.Shared.Return(read);
            ArrayPool<float>.Shared.Return(sums);
        });
    }

    // [in, 3, 3] to [4 phases][2, 2, in]: of three taps the first and the sum of the others, or the sum of the first two and the last; down the columns, then along the rows.
    private static void Sum(ReadOnlySpan<float> from, Span<float> to, int channels)
    {
        Span<float> rows = stackalloc float[3];
        for (int c = 0; c < channels; c++)
        {
            ReadOnlySpan<float> taps = from.Slice(c * Taps, Taps);
            for (int y = 0; y < 4; y++)
            {
                (int phaseRow, int tapRow) = Math.DivRem(y, 2);
                for (int x = 0; x < 3; x++)
                    rows[x] = Pair(y, taps[x], taps[x + 3], taps[x + 6]);
                for (int x = 0; x < 4; x++)
                    to[((2 * phaseRow) + (x / 2)) * (to.Length / Phases) + (((2 * tapRow) + (x % 2)) * channels) + c] = Pair(x, rows[0], rows[1], rows[2]);
            }
        }
    }

    // Of the four weights that three taps become: both of the even phase, both of the odd one.
    private static float Pair(int which, float w0, float w1, float w2) => which switch { 0 => w0, 1 => w1 + w2, 2 => w0 + w1, _ => w2 };
}
