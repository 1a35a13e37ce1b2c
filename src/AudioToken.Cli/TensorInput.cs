using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli;

/// <summary>Tensors that a user brings: audio tokens, latents.</summary>
internal static class TensorInput
{
    /// <summary>Reads one tensor whole, as float.</summary>
    /// <exception cref="AudioTokenException">It is not there, or not finite (3501).</exception>
    public static (float[] Values, Shape Shape) Read(SafetensorsFile file, string name, string hint)
    {
        WeightSource source = file.Find(name) ?? throw new AudioTokenException(
            ErrorCode.TensorInput, $"{file.Description} has no tensor '{name}'; it holds {Names(file)}", hint);
        float[] values = source.ReadAll();
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        return bad < 0 ? (values, source.Shape) : throw new AudioTokenException(
            ErrorCode.TensorInput, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{file.Description}: '{name}' holds {values[bad]} at {bad} of {source.Shape}, wanted finite numbers"), hint);
    }

    private static string Names(SafetensorsFile file)
    {
        const int shown = 5;
        string[] names = [.. file.Names.Take(shown + 1)];
        return names.Length == 0 ? "none" : string.Join(", ", names.Take(shown).Select(name => $"'{name}'")) + (names.Length > shown ? ", …" : "");
    }
}
