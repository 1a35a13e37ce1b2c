using System.Buffers.Binary;
using System.Text;
using AudioToken.Weights;
using Microsoft.Win32.SafeHandles;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>The bytes of a pickle, in order, from a part of a file; nothing is allocated on their word beyond <see cref="PickleLimits"/>.</summary>
internal sealed class PickleReader
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SafeFileHandle _handle;
    private readonly long _end;
    private readonly byte[] _buffer = new byte[64 << 10];
    private long _bufferStart;
    private int _next;
    private int _filled;
    private long _textBytes;

    /// <summary>Reads from <paramref name="start"/> to <paramref name="end"/> of a file.</summary>
    /// <param name="handle">The file.</param>
    /// <param name="file">What the file is called in messages.</param>
    /// <param name="start">First byte of the pickle in the file.</param>
    /// <param name="end">The byte after the last that may belong to it.</param>
    public PickleReader(SafeFileHandle handle, string file, long start, long end)
    {
        (_handle, _end) = (handle, end);
        _bufferStart = start;
        Errors = new PickleErrors(file);
    }

    /// <summary>How to refuse this pickle.</summary>
    public PickleErrors Errors { get; }

    /// <summary>Place of the next byte in the file.</summary>
    public long Position => _bufferStart + _next;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public double ReadDouble() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    /// <summary>So many bytes, if no string is longer and all together stay within the limit.</summary>
    public byte[] ReadBytes(ulong length)
    {
        if (length > PickleLimits.StringBytes)
            throw Errors.Limit($"a string of {length:N0} bytes; at most {PickleLimits.StringBytes:N0} are read");
        _textBytes += (long)length;
        if (_textBytes > PickleLimits.TextBytes)
            throw Errors.Limit($"more than {PickleLimits.TextBytes:N0} bytes of strings");
        if ((long)length > _end - Position)
            throw Errors.CutShort(_end);
        byte[] bytes = new byte[length];
        for (int done = 0; done < bytes.Length;)
        {
            int piece = Math.Min(bytes.Length - done, _buffer.Length);
            Take(piece).CopyTo(bytes.AsSpan(done));
            done += piece;
        }

        return bytes;
    }

    public string ReadText(ulong length)
    {
        try
        {
            return s_strictUtf8.GetString(ReadBytes(length));
        }
        catch (DecoderFallbackException exception)
        {
            throw Errors.Bad("a string is not valid UTF-8", exception);
        }
    }

    /// <summary>One line of an opcode that names something, without its end.</summary>
    public string ReadLine()
    {
        StringBuilder line = new();
        for (byte next = ReadByte(); next != (byte)'\n'; next = ReadByte())
        {
            if (line.Length == PickleLimits.NameLength)
                throw Errors.Limit($"a name longer than {PickleLimits.NameLength} characters");
            line.Append((char)next); // Latin-1: an odd name is on no list
        }

        return line.ToString();
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_filled - _next < count)
            Fill(count);
        ReadOnlySpan<byte> taken = _buffer.AsSpan(_next, count);
        _next += count;
        return taken;
    }

    private void Fill(int count)
    {
        if (count > _end - Position)
            throw Errors.CutShort(_end);
        _buffer.AsSpan(_next, _filled - _next).CopyTo(_buffer);
        _filled -= _next;
        _bufferStart += _next;
        _next = 0;
        int more = (int)Math.Min(_buffer.Length - _filled, _end - _bufferStart - _filled);
        PositionalReader.ReadExactly(_handle, _buffer.AsSpan(_filled, more), _bufferStart + _filled, Errors.File, "the pickle");
        _filled += more;
    }
}
