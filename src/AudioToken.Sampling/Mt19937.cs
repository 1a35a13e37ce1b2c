using System.Runtime.CompilerServices;

namespace AudioToken.Sampling;

/// <summary>The Mersenne Twister of 32 bits. Matsumoto and Nishimura 1998.</summary>
internal sealed class Mt19937
{
    private const int Size = 624;
    private const int Shift = 397;

    private readonly uint[] _state = new uint[Size];
    private int _next = Size;

    public Mt19937(uint seed)
    {
        _state[0] = seed;
        for (uint i = 1; i < Size; i++)
            _state[i] = 1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30)) + i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // called once a value
    public uint Next()
    {
        if (_next == Size)
            Refill();
        uint y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680u;
        y ^= (y << 15) & 0xEFC60000u;
        return y ^ (y >> 18);
    }

    private void Refill()
    {
        int i = 0;
        for (; i < Size - Shift; i++)
            Twist(i, i + 1, i + Shift);
        for (; i < Size - 1; i++)
            Twist(i, i + 1, i + Shift - Size);
        Twist(i, 0, Shift - 1);
        _next = 0;
    }

    private void Twist(int i, int next, int shifted)
    {
        uint joined = (_state[i] & 0x80000000u) | (_state[next] & 0x7FFFFFFFu);
        _state[i] = _state[shifted] ^ (joined >> 1) ^ ((joined & 1) * 0x9908B0DFu);
    }
}
