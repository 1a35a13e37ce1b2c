namespace AudioToken.Fuzz;

/// <summary>An input that was neither read nor refused as it should be.</summary>
public sealed class FuzzException(string target, int run, byte[] input, string what, Exception? inner)
    : Exception($"{target}, run {run}: {what}\ninput (base64): {Convert.ToBase64String(input)}", inner);
