using System.Buffers;
using System.Text;

namespace AudioToken.Peers;

/// <summary>Writes the fields of one protocol-buffer message.</summary>
internal sealed class ProtocolBuffer
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>A whole number.</summary>
    public ProtocolBuffer Number(int field, long value)
    {
        Varint((ulong)field << 3);
        Varint((ulong)value);
        return this;
    }

    /// <summary>A number of four bytes.</summary>
    public ProtocolBuffer Float(int field, float value)
    {
        Varint(((ulong)field << 3) | 5);
        _bytes.Write(BitConverter.GetBytes(value));
        return this;
    }

    /// <summary>Bytes with their length before them.</summary>
    public ProtocolBuffer Bytes(int field, ReadOnlySpan<byte> value)
    {
        Varint(((ulong)field << 3) | 2);
        Varint((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    /// <summary>A text.</summary>
    public ProtocolBuffer Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A message within this one.</summary>
    public ProtocolBuffer Message(int field, ProtocolBuffer value) => Bytes(field, value._bytes.WrittenSpan);

    /// <summary>All fields of another one.</summary>
    public ProtocolBuffer Fields(ProtocolBuffer other)
    {
        _bytes.Write(other._bytes.WrittenSpan);
        return this;
    }

    /// <summary>The whole message.</summary>
    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private void Varint(ulong value)
    {
        for (; value > 127; value >>= 7)
            _bytes.Write([(byte)(value | 128)]);
        _bytes.Write([(byte)value]);
    }
}
