using Microsoft.Win32.SafeHandles;

namespace AudioToken.Weights;

/// <summary>Reads from a place in a file, independent of any position, from any number of threads.</summary>
internal static class PositionalReader
{
    // One system call moves less than 2 GiB; pieces of this size also let an error name a useful place.
    private const int Piece = 256 << 20;

    /// <summary>Fills the span as far as the file reaches; returns the bytes read.</summary>
    public static int ReadUpTo(SafeFileHandle handle, Span<byte> destination, long position)
    {
        int done = 0;
        while (done < destination.Length)
        {
            Span<byte> rest = destination[done..];
            int read = RandomAccess.Read(handle, rest[..Math.Min(rest.Length, Piece)], position + done);
            if (read == 0)
                break;
            done += read;
        }

        return done;
    }

    /// <summary>Fills the span.</summary>
    /// <exception cref="WeightFileException">The file ends first: it shrank after it was opened.</exception>
    public static void ReadExactly(SafeFileHandle handle, Span<byte> destination, long position, string file, string what) =>
        ReadExactly(handle, destination, position, file, what, static what => what);

    /// <summary>Fills the span with a part of a tensor.</summary>
    /// <inheritdoc cref="ReadExactly(SafeFileHandle, Span{byte}, long, string, string)"/>
    public static void ReadTensor(SafeFileHandle handle, Span<byte> destination, long position, string file, string tensor) =>
        ReadExactly(handle, destination, position, file, tensor, WeightFileException.Quote);

    private static void ReadExactly(SafeFileHandle handle, Span<byte> destination, long position, string file, string what, Func<string, string> tell)
    {
        int read;
        try
        {
            read = ReadUpTo(handle, destination, position);
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            throw FileErrors.CannotRead(file, exception);
        }

        if (read < destination.Length)
            throw Shrank(file, tell(what), position + destination.Length, position + read);
    }

    public static WeightFileException Shrank(string file, string what, long needed, long found) => new(ErrorCode.Shrank, file,
        FormattableString.Invariant($"the file shrank while being read: {what} reaches to byte {needed:N0}, the file now ends at {found:N0}."),
        "Another program is writing to it; wait until it is done, then load again.");
}
