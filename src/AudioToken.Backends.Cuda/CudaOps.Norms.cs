using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        (int batch, int channels) = (shape[0], shape[^1]);
        int positions = batch == 0 ? 0 : RowsOf(shape) / batch;
        int count = Counted((long)(channels / groups) * positions, "elements of a group");
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        if (positions == 0)
            return scope.Keep(y);
        NormAddresses at = new(
            AddressOf(y),
            Operand(x, _storage, nameof(GroupNorm), nameof(x)),
            OperandOrNull(skip, nameof(GroupNorm), nameof(skip)),
            Own(gamma, WeightRole.Vector, nameof(GroupNorm), nameof(gamma)).Address,
            Own(beta, WeightRole.Vector, nameof(GroupNorm), nameof(beta)).Address);
        int mainChannels = x.Shape[^1], secondChannels = skip.IsEmpty ? 0 : skip.Shape[^1];
        bool packed = IsPacked(at.All, mainChannels, secondChannels);
        if (packed && LaunchMomentsNorm(x, skip, at, groups, epsilon, activation))
            return scope.Keep(y);
        KernelArguments arguments = default;
        arguments.Add(at.Result).Add(at.Main).Add(at.Second).Add(at.Factors).Add(at.Offsets);
        if (packed && GroupNormForm.For(_storage, positions, channels / groups, groups, _context.Device) is { } form)
        {
            arguments.Add(new GroupNormOperands
            {
                Positions = positions,
                Channels = mainChannels,
                SkipChannels = secondChannels,
                Share = Blocks(positions, 1 << form.ClusterBits),
                Width = channels / groups,
                Bundle = form.Bundle,
                Packs = form.Packs,
                WidthInverse = Inverse(channels / groups),
                PacksInverse = Inverse(form.Packs),
                ClusterBits = form.ClusterBits,
                RowBits = form.RowBits,
                Kept = form.Kept,
                Activation = (int)activation,
                Epsilon = epsilon,
            });
            Launch(Kernel("group_norm", _storage), new Grid(groups / form.Bundle << form.ClusterBits, batch), form.Threads, form.SharedBytes, ref arguments, 1 << form.ClusterBits);
        }
        else
        {
            arguments.Add(positions).Add(mainChannels).Add(secondChannels).Add(epsilon).Add((int)activation);
            int block = count >= 8192 ? 1024 : count >= 1024 ? 256 : 64;
            Launch(Kernel("group_norm_plain", _storage), new Grid(groups, batch), block, 0, ref arguments);
        }

        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Shape shape = ResultShape.LayerNorm(x, gamma, beta);
        int rows = RowsOf(shape);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        ulong result = AddressOf(y),
            operand = Operand(x, _storage, nameof(LayerNorm), nameof(x)),
            factors = Own(gamma, WeightRole.Vector, nameof(LayerNorm), nameof(gamma)).Address,
            offsets = Own(beta, WeightRole.Vector, nameof(LayerNorm), nameof(beta)).Address;
        (string form, int lanes) = IsPacked(result | operand | factors | offsets, shape[^1]) ? LayerNormForm(shape[^1]) : ("", 32);
        KernelArguments arguments = default;
        arguments.Add(result).Add(operand).Add(factors).Add(offsets).Add(new LayerNormOperands { Rows = rows, Channels = shape[^1], Epsilon = epsilon });
        Launch(Kernel("layer_norm", _storage, form), new Grid(Blocks(rows, WarpsOfRows * 32 / lanes)), 32 * WarpsOfRows, 0, ref arguments);
        return scope.Keep(y);
    }

    // The forms of layer_norm.cu by the packs that their lanes hold; without an ending, any width.
    private (string Form, int Lanes) LayerNormForm(int channels) => (channels * _storage.Size() / GroupNormForm.PackBytes) switch
    {
        <= 5 * 8 => ("_8", 8),
        <= 5 * 16 => ("_16", 16),
        <= 5 * 32 => ("_32", 32),
        <= 10 * 32 => ("_wide", 32),
        _ => ("", 32),
    };

    /// <summary>Whether addresses, joined by or, and rows of so many channels are multiples of 16 bytes.</summary>
    private bool IsPacked(ulong addresses, params ReadOnlySpan<int> channels)
    {
        foreach (int count in channels)
            addresses |= (ulong)count * (ulong)_storage.Size();
        return addresses % GroupNormForm.PackBytes == 0;
    }

    // As quotient in common/normalise.cuh wants it.
    private static uint Inverse(int divisor) => (uint)(((1L << 31) + divisor - 1) / divisor);

    // As Group in group_norm.cu.
    private struct GroupNormOperands
    {
        public int Positions;
        public int Channels;
        public int SkipChannels;
        public int Share;
        public int Width;
        public int Bundle;
        public int Packs;
        public uint WidthInverse;
        public uint PacksInverse;
        public int ClusterBits;
        public int RowBits;
        public int Kept;
        public int Activation;
        public float Epsilon;
    }

    // As LayerNorm in layer_norm.cu.
    private struct LayerNormOperands
    {
        public int Rows;
        public int Channels;
        public float Epsilon;
    }
}
