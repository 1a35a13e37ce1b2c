using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The values of a weight where they rest: fp32, or a half type that is widened, exactly, by whoever reads it.</summary>
internal readonly unsafe struct RestingValues
{
    private readonly void* _data;

    /// <summary>Values in fp32.</summary>
    public RestingValues(float* data)
        : this(data, DType.F32)
    {
    }

    /// <summary>Values of a type: F32, or F16 or BF16 and then all finite.</summary>
    public RestingValues(void* data, DType type)
    {
        _data = data;
        Type = type;
    }

    /// <summary>Where they lie.</summary>
    public void* Address => _data;

    /// <summary>Their type.</summary>
    public DType Type { get; }

    /// <summary>Whether they need no widening.</summary>
    public bool IsWide => Type == DType.F32;

    /// <summary>The types in which the values of a source may rest: its own where that is a half one.</summary>
    public static DType TypeFor(WeightSource source) => source.DType is DType.F16 or DType.BF16 ? source.DType : DType.F32;

    /// <summary>The values from one on.</summary>
    public RestingValues From(long first) => new((byte*)_data + first * Type.Size(), Type);

    /// <summary>The first values as floats: where they lie, or else widened into a buffer.</summary>
    /// <param name="count">How many, a multiple of the vector.</param>
    /// <param name="room">Room for as many; not used for fp32.</param>
    public float* Floats<TLanes, TVector>(int count, float* room)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        if (IsWide)
            return (float*)_data;
        ushort* from = (ushort*)_data;
        if (Type == DType.F16)
        {
            for (int i = 0; i < count; i += TLanes.Count)
                TLanes.Store(TLanes.WidenHalf(from + i), room + i);
        }
        else
        {
            for (int i = 0; i < count; i += TLanes.Count)
                TLanes.Store(TLanes.WidenBFloat16(from + i), room + i);
        }

        return room;
    }
}
