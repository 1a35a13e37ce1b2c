namespace AudioToken.Backends.Cpu;

/// <summary>Widens the panels of a weight, some of its values a part.</summary>
/// <param name="source">The panels, of a half type.</param>
/// <param name="count">Their values, a multiple of the vector.</param>
/// <param name="destination">Receives them.</param>
internal readonly unsafe struct PanelWidening<TLanes, TVector>(RestingValues source, long count, float* destination) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int PartValues = 1 << 15;
    private readonly RestingValues _source = source;
    private readonly float* _destination = destination;

    /// <summary>Number of parts.</summary>
    public int Parts => checked((int)((count + PartValues - 1) / PartValues));

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        long start = (long)index * PartValues;
        _source.From(start).Floats<TLanes, TVector>((int)Math.Min(PartValues, count - start), _destination + start);
    }
}
