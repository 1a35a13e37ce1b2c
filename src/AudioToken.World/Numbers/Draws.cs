namespace AudioToken.World.Numbers;

/// <summary>Random draws from a seed and a name: SplitMix64 (Steele, Lea and Flood 2014), integers only, the same on every machine.</summary>
/// <remarks>Each purpose has its own name, so that a change to one drawing leaves the others as they were.</remarks>
internal sealed class Draws
{
    private ulong _state;

    public Draws(ulong seed, string name)
    {
        ulong hash = 14695981039346656037; // FNV-1a of the name
        foreach (char c in name)
            hash = (hash ^ c) * 1099511628211;
        _state = hash;
        _state = Bits() ^ seed;
        _state = Bits();
    }

    public ulong Bits()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number in [0, 1).</summary>
    public double Unit() => (Bits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number between two.</summary>
    public double Between(double low, double high) => low + (high - low) * Unit();

    /// <summary>A whole number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public int Whole(int low, int high) => low + (int)(Unit() * (high - low + 1));

    public bool Chance(double probability) => Unit() < probability;

    public T Pick<T>(IReadOnlyList<T> of) => of[Whole(0, of.Count - 1)];

    /// <summary>A number about 0 with deviation 1, bell-shaped, within ±6: the sum of twelve uniform draws.</summary>
    public double Normal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++)
            sum += Unit();
        return sum;
    }
}
