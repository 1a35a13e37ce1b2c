using AudioToken.Tensors;

namespace AudioToken.Fuzz;

/// <summary>A reader of foreign bytes, and inputs to begin from. For any bytes it returns, or throws the library's own exception.</summary>
/// <param name="Name">What to call it on the command line.</param>
/// <param name="Seeds">Makes good inputs, by name. Made when asked for: instrumented code must not run before the fuzzer does.</param>
/// <param name="Read">Reads an input in a folder that is the run's own.</param>
public sealed record FuzzTarget(string Name, Func<IReadOnlyDictionary<string, byte[]>> Seeds, Action<byte[], string> Read)
{
    /// <summary>Runs one input.</summary>
    /// <returns>True if it was read, false if it was refused.</returns>
    public bool Run(byte[] input, string folder)
    {
        try
        {
            Read(input, folder);
            return true;
        }
        catch (AudioTokenException)
        {
            return false;
        }
    }
}
