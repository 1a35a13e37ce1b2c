using System.Security.Cryptography;
using System.Text;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>One kernel file as it is given to the compiler: its text, the headers beside it, and the macros that choose a variant.</summary>
/// <param name="File">E.g. <c>linear.cu</c>.</param>
/// <param name="Text">The file.</param>
/// <param name="Headers">Name, as it is included, and text.</param>
/// <param name="Defines">E.g. <c>TILE=64</c>.</param>
internal sealed record KernelSource(string File, string Text, IReadOnlyList<(string Name, string Text)> Headers, IReadOnlyList<string> Defines)
{
    private static readonly Lazy<IReadOnlyList<(string Name, string Text)>> s_headers = new(() =>
        [.. Resources().Where(name => name.EndsWith(".cuh", StringComparison.Ordinal)).Select(name => (name, Read(name)))]);

    /// <summary>All kernel files of this build, e.g. <c>linear.cu</c>.</summary>
    public static IReadOnlyList<string> Files => [.. Resources().Where(name => name.EndsWith(".cu", StringComparison.Ordinal))];

    /// <summary>A kernel file of this build.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static KernelSource Of(string file, params IReadOnlyList<string> defines) => Files.Contains(file)
        ? new KernelSource(file, Read(file), s_headers.Value, defines)
        : throw new ArgumentException($"there is no kernel file '{file}'; there are {string.Join(", ", Files)}", nameof(file));

    /// <summary>Tells apart whatever would compile to something else: texts, macros, options, architecture, and who compiles.</summary>
    /// <param name="architecture">E.g. <c>sm_90a</c>.</param>
    /// <param name="compiler">E.g. <c>nvrtc 13.0</c>; empty for kernels that are shipped, whose compiler the user has not.</param>
    /// <returns>64 hexadecimal digits.</returns>
    public string Key(string architecture, string compiler)
    {
        StringBuilder all = new();
        foreach (string part in Headers.SelectMany(header => new[] { header.Name, header.Text }).Concat(Defines).Concat(KernelCompiler.Options).Concat([File, Text, architecture, compiler]))
            all.Append(part.Length).Append(':').Append(part);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all.ToString())));
    }

    private static IEnumerable<string> Resources() =>
        typeof(KernelSource).Assembly.GetManifestResourceNames().Order(StringComparer.Ordinal);

    private static string Read(string resource)
    {
        using StreamReader reader = new(typeof(KernelSource).Assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
