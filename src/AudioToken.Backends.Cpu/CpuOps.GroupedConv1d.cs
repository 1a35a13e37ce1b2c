using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Shape shape = ResultShape.GroupedConv1d(x, weight, groups, padding, epilogue);
        CpuWeight own = Own(weight, WeightRole.GroupedConv1d, nameof(GroupedConv1d), nameof(weight));
        return GroupedConv1d(x, own.Data, own.Packed, own.Shape[2], padding, Resolve(epilogue, shape, shape[2], nameof(GroupedConv1d)), nameof(GroupedConv1d));
    }

    private Tensor GroupedConv1d(Tensor x, float* panels, PackedShape packed, int taps, int padding, TileEpilogue tile, string operation)
    {
        float* data = Data(x, operation, nameof(x));
        (int batch, int length, int channels) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        (int groups, int width) = (packed.Groups, packed.Columns);
        Tensor y = Allocate(x.Shape);
        float* output = Data(y, operation, nameof(y));
        if (PartitionedConv1d.Suits(length, width, taps, _engine.VectorWidth))
        {
            _engine.Multiply(_workers, new PartitionedConv1d
            {
                X = data,
                Samples = batch,
                Length = length,
                Channels = channels,
                Padding = padding,
                Partitions = taps / OddDft.Taps,
                Weight = panels,
                Packed = packed,
                Output = output,
                Epilogue = tile,
            });
            return y;
        }

        using TensorScope scope = Scope();

        // Each group's channels side by side with the padding written out: the window of a position is then one run of memory,
        // and the windows of neighbours overlap.
        int padded = checked(length + taps - 1);
        Tensor gathered = Allocate([groups, padded, width]);
        float* windows = Data(gathered, operation, nameof(gathered));
        for (int sample = 0; sample < batch; sample++)
        {
            long at = (long)sample * length * channels;
            _workers.Run(groups, new GroupGathering(data + at, windows, length, channels, width, padding, padded));
            TileEpilogue finish = tile;
            if (tile.Shift is not null)
                finish.Shift += sample * tile.ShiftStride;
            if (tile.Residual is not null)
                finish.Residual += at;
            finish.ShiftStride = 0;
            GemmProblem problem = new()
            {
                Rows = length,
                Weight = new RestingValues(panels),
                Packed = packed,
                Output = output + at,
                OutputStride = channels,
                Epilogue = finish,
            };
            _engine.Multiply(_workers, problem, new MatrixRows(windows, width, (long)padded * width));
        }

        return y;
    }

    /// <summary>Copies the channels of one group, a group a part: position p of the copy is position p - padding of the sequence, or zero.</summary>
    private readonly struct GroupGathering(float* source, float* destination, int length, int channels, int width, int padding, int padded)
        : IParallelBody
    {
        private readonly float* _source = source;
        private readonly float* _destination = destination;

        public void Run(int index, int worker)
        {
            for (int p = 0; p < padded; p++)
            {
                Span<float> to = new(_destination + ((long)index * padded + p) * width, width);
                int t = p - padding;
                if ((uint)t < (uint)length)
                    new ReadOnlySpan<float>(_source + (long)t * channels + (long)index * width, width).CopyTo(to);
                else
                    to.Clear();
            }
        }
    }
}
