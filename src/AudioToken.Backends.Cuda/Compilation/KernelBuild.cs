using System.Globalization;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>Compiles all kernels ahead, for machines without NVRTC. No device is needed.</summary>
public static class KernelBuild
{
    /// <summary>Where the backend looks for built kernels: beside the program.</summary>
    public static string DefaultFolder => KernelLibrary.ShippedFolder;

    /// <summary>The compiler that is found here, e.g. <c>nvrtc 13.0</c>; null for none that is new enough.</summary>
    public static string? Compiler => KernelCompiler.Version();

    /// <summary>Where compiled kernels are kept between runs; null for nowhere.</summary>
    public static string? CacheFolder => KernelCache.DefaultFolder();

    /// <summary>What the backend asks for on a device of that capability, e.g. <c>sm_90a</c>.</summary>
    /// <param name="name">E.g. <c>sm_80</c>, <c>sm_90</c> or <c>sm_90a</c>.</param>
    /// <exception cref="AudioTokenException">2701: not an architecture that the kernels can be built for.</exception>
    public static string Architecture(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith("sm_", StringComparison.Ordinal)
            && int.TryParse(name.EndsWith('a') ? name.AsSpan(3..^1) : name.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out int capability)
            && capability is >= CudaDevice.MinimumCapability and < 1000
            ? CudaDevice.ArchitectureOf(capability)
            : throw new AudioTokenException(CudaErrors.Architecture, $"'{name}' is not an architecture that kernels are built for; wanted sm_{CudaDevice.MinimumCapability} or newer", "--arch sm_80,sm_86,sm_89,sm_90a");
    }

    /// <summary>Compiles every kernel file for each architecture, several at a time, and keeps the machine code in a folder.</summary>
    /// <param name="architectures">As <see cref="Architecture"/> gives them.</param>
    /// <param name="folder">Is made if it is not there.</param>
    /// <param name="built">Hears of each file: its name, the architecture, bytes. From several threads at once.</param>
    /// <param name="cancellation">Ends it within one file.</param>
    /// <exception cref="CudaException">5105: no NVRTC. 5106: a file does not compile, or NVRTC does not know the architecture.</exception>
    /// <exception cref="AudioTokenException">8701: the folder cannot be written, or others can write it, so that nobody would load from it.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled; what was built is kept.</exception>
    public static void Build(IReadOnlyList<string> architectures, string folder, Action<string, string, int> built, CancellationToken cancellation = default)
    {
        string? trouble = null;
        KernelCache cache = new(folder, note => trouble = note);
        if (trouble is not null)
            throw Unwritable(folder, trouble);
        var jobs = architectures.Distinct().SelectMany(architecture => KernelSource.Files.Select(file => (file, architecture)));
        try
        {
            // No more at a time than there are cores: each takes some hundred megabytes.
            Parallel.ForEach(jobs, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, job =>
            {
                cancellation.ThrowIfCancellationRequested(); // the loop itself may be an iteration late
                KernelSource source = KernelSource.Of(job.file);
                byte[] image = KernelCompiler.Compile(source, job.architecture, exactly: true);
                cache.Keep(source.Key(job.architecture, ""), image);
                if (trouble is not null)
                    throw Unwritable(folder, trouble);
                built(job.file, job.architecture, image.Length);
            });
        }
        catch (AggregateException exception) when (exception.InnerExceptions[0] is AudioTokenException first)
        {
            throw first is CudaException cuda
                ? new CudaException(cuda.Code, cuda.Message, cuda.Hint, cuda.Result, exception)
                : new AudioTokenException(first.Code, first.Message, first.Hint, exception);
        }
    }

    private static AudioTokenException Unwritable(string folder, string trouble) =>
        new(CudaErrors.KernelFolder, $"kernels cannot be kept in {folder}: {trouble}", "--output with a folder that you alone can write");
}
