using System.Buffers.Binary;

namespace AudioToken.Fuzz;

/// <summary>Damages inputs, the same way for the same seed: enough to run in every test run, while SharpFuzz and AFL look for more.</summary>
public sealed class Mutator(int seed)
{
    // Where lengths, counts and offsets go wrong.
    private static readonly ulong[] s_numbers =
        [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1UL << 40, long.MaxValue, 1UL << 63, ulong.MaxValue];

    private readonly Random _random = new(seed);

    /// <summary>A damaged copy.</summary>
    /// <param name="input">What to damage.</param>
    /// <param name="other">What to take pieces from.</param>
    public byte[] Mutate(byte[] input, byte[] other)
    {
        List<byte> bytes = [.. input];
        for (int changes = 1 + _random.Next(4); changes > 0; changes--)
            Change(bytes, other);
        return [.. bytes];
    }

    private void Change(List<byte> bytes, byte[] other)
    {
        int at = _random.Next(bytes.Count + 1);
        int reach = Math.Min(bytes.Count - at, 1 + _random.Next(16));
        switch (_random.Next(8))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, reach);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, reach));
                break;
            case 4 when at + 8 <= bytes.Count:
                Overwrite(bytes, at);
                break;
            case 5 when other.Length > 0:
                int from = _random.Next(other.Length);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, 1 + _random.Next(64))).ToArray());
                break;
            case 6 when _random.Next(4) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                bytes.Insert(at, (byte)_random.Next(256));
                break;
        }
    }

    private void Overwrite(List<byte> bytes, int at)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(number, s_numbers[_random.Next(s_numbers.Length)]);
        for (int i = 0, width = 1 << _random.Next(4); i < width; i++)
            bytes[at + i] = number[i];
    }
}
