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
    private readonly string _file;
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
        (_handle, _file, _end) = (handle, file, end);
        _bufferStart = start;
    }

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
            throw Limit($"a string of {length:N0} bytes; at most {PickleLimits.StringBytes:N0} are read");
        _textBytes += (long)length;
        if (_textBytes > PickleLimits.TextBytes)
            throw Limit($"more than {PickleLimits.TextBytes:N0} bytes of strings");
        if ((long)length > _end - Position)
            throw Ended();
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
        long place = Position;
        try
        {
            return s_strictUtf8.GetString(ReadBytes(length));
        }
        catch (DecoderFallbackException exception)
        {
            throw Bad(place, "a string is not valid UTF-8", exception);
        }
    }

    /// <summary>One line of an opcode that names something, without its end.</summary>
    public string ReadLine()
    {
        StringBuilder line = new();
        for (byte next = ReadByte(); next != (byte)'\n'; next = ReadByte())
        {
            if (line.Length == PickleLimits.NameLength)
                throw Limit($"a name longer than {PickleLimits.NameLength} characters");
            line.Append((char)next); // Latin-1: an odd name is on no list
        }

        return line.ToString();
    }

    public WeightFileException Bad(long place, string what, Exception? inner = null) =>
        new(ErrorCode.Pickle, _file, FormattableString.Invariant($"at byte {place}: {what}."), "Damaged, or not a checkpoint.", inner);

    public WeightFileException Limit(FormattableString what) => new(ErrorCode.Limit, _file,
        FormattableString.Invariant($"at byte {Position}: the pickle has {FormattableString.Invariant(what)}."), "No checkpoint of a model this program draws with is like that: do not use the file.");

    public WeightFileException Refused(long place, string what) =>
        new(ErrorCode.Global, _file, FormattableString.Invariant($"at byte {place}: the pickle {what}. Nothing of the file was run."),
            "Do not open this file with a program that runs pickles: it may do anything there. Take the model as safetensors from its publisher.");

    public WeightFileException WholeModule(long place, string name) =>
        new(ErrorCode.OtherForm, _file, FormattableString.Invariant($"at byte {place}: the pickle holds the object {WeightFileException.Quote(name)}: a whole module was saved, not its weights. Nothing of the file was run."),
            $"If you trust the file, save its weights: python -c \"import torch; torch.save(torch.load('model.pt', 'cpu').state_dict(), 'weights.pt')\"");

    public WeightFileException OtherTensor(long place, string name) =>
        new(ErrorCode.Unsupported, _file, FormattableString.Invariant($"at byte {place}: the pickle holds a tensor of a kind that is not read here ({WeightFileException.Quote(name)})."),
            "Sparse, quantized and meta tensors have to be made ordinary ones where the file was written.");

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
            throw Ended();
        _buffer.AsSpan(_next, _filled - _next).CopyTo(_buffer);
        _filled -= _next;
        _bufferStart += _next;
        _next = 0;
        int more = (int)Math.Min(_buffer.Length - _filled, _end - _bufferStart - _filled);
        PositionalReader.ReadExactly(_handle, _buffer.AsSpan(_filled, more), _bufferStart + _filled, _file, "the pickle");
        _filled += more;
    }

    private WeightFileException Ended() => new(ErrorCode.CutShort, _file,
        FormattableString.Invariant($"the pickle goes on at byte {Position}, where its data ends at {_end}: download again."), "An interrupted download, or damaged.");
}
