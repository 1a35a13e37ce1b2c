using System.Collections.Concurrent;
using System.Globalization;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>The kernels of one device: found among those shipped, in the cache, or compiled, and loaded once.</summary>
internal sealed class KernelLibrary : IDisposable
{
    private const int MostAtOnce = 8; // a compiler at work holds some hundred MB

    private readonly CudaContext _context;
    private readonly KernelCache _shipped;
    private readonly KernelCache _cache;
    private readonly Action<string> _note;
    private readonly ConcurrentQueue<string> _notes = [];
    private readonly Dictionary<string, Task<KernelImage>> _expected = [];
    private readonly SemaphoreSlim _turns = new(MostAtOnce);
    private readonly Dictionary<string, CudaModule> _modules = [];
    private readonly Dictionary<(string Module, string Kernel), CudaKernel> _kernels = [];
    private int _compiled;

    /// <summary>Makes an empty library.</summary>
    /// <param name="context">The device.</param>
    /// <param name="cacheFolder">Null: nothing is kept.</param>
    /// <param name="note">Hears of a cache that cannot be used, on the thread that makes the library or asks for a kernel.</param>
    public KernelLibrary(CudaContext context, string? cacheFolder, Action<string> note)
    {
        (_context, _note) = (context, note);
        _shipped = Shipped(_notes.Enqueue);
        _cache = new KernelCache(cacheFolder, _notes.Enqueue);
        Tell();
    }

    /// <summary>Where kernels built by <c>audiotoken kernels build</c> are looked for: beside the program.</summary>
    public static string ShippedFolder => Path.Combine(AppContext.BaseDirectory, "kernels");

    /// <summary>Whether there are kernels there that a device of an architecture runs.</summary>
    public static bool AreShipped(string architecture)
    {
        KernelCache shipped = Shipped(_ => { });
        return FindShipped(shipped, KernelSource.Of(KernelSource.Files[0]), Older(architecture).Prepend(architecture)) is not null;
    }

    /// <summary>Kernel files that this library had to compile.</summary>
    public int Compiled => _compiled;

    /// <summary>A kernel, whose file is compiled and loaded if it has not been.</summary>
    /// <param name="file">E.g. <c>linear.cu</c>.</param>
    /// <param name="kernel">As the file exports it, e.g. <c>linear_f16_64x64</c>.</param>
    /// <param name="defines">The variant.</param>
    /// <exception cref="CudaException">5105, 5106: the file cannot be compiled. 5107: it exports no such kernel.</exception>
    public CudaKernel Get(string file, string kernel, params IReadOnlyList<string> defines)
    {
        string module = Name(file, defines);
        if (!_kernels.TryGetValue((module, kernel), out CudaKernel? known))
            _kernels[(module, kernel)] = known = new CudaKernel(_context, Module(module, file, defines), kernel);
        return known;
    }

    /// <summary>Begins to look for, or compile, what a job will need: each file on a thread of its own, eight at a time, beside what the caller does next.</summary>
    /// <remarks>A failure is told to whoever asks for one of the file's kernels.</remarks>
    /// <param name="files">E.g. <c>linear.cu</c>; those that are there or expected already cost nothing.</param>
    public void Expect(params ReadOnlySpan<string> files)
    {
        foreach (string file in files)
        {
            if (_modules.ContainsKey(file) || _expected.ContainsKey(file))
                continue;
            // Long: a pool's thread would be missing elsewhere, e.g. where weights are read meanwhile.
            _expected.Add(file, Task.Factory.StartNew(() => InTurn(KernelSource.Of(file)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        }
    }

    /// <summary>Unloads everything; waits for what is being compiled.</summary>
    public void Dispose()
    {
        _kernels.Clear();
        Task.WhenAll(_expected.Values).ContinueWith(_ => { }, TaskScheduler.Default).Wait(); // whatever became of them
        _turns.Dispose();
        _expected.Clear();
        foreach (CudaModule module in _modules.Values)
            module.Dispose();
        _modules.Clear();
    }

    private CudaModule Module(string module, string file, IReadOnlyList<string> defines)
    {
        if (_modules.TryGetValue(module, out CudaModule? known))
            return known;
        KernelImage image = _expected.Remove(module, out Task<KernelImage>? expected) ? expected.GetAwaiter().GetResult() : Image(KernelSource.Of(file, defines));
        Tell();
        return _modules[module] = Load(image, module, file, defines);
    }

    private CudaModule Load(KernelImage image, string module, string file, IReadOnlyList<string> defines)
    {
        try
        {
            return new CudaModule(_context, image.Code, module);
        }
        catch (CudaException refused) when (CudaCall.RefusesCode(refused.Result))
        {
            // What was built elsewhere may be too new for this driver, and what is compiled here not.
            if (!image.IsKept || KernelCompiler.Version() is null)
                throw Refused(refused);
            _note($"kernel cache: code that the driver refuses is made anew: {refused.Message}");
            return Load(Compile(KernelSource.Of(file, defines)), module, file, defines);
        }
    }

    private static CudaException Refused(CudaException refused)
    {
        string compiler = KernelCompiler.Version() is { } version ? $"compiled by {version}" : "built elsewhere";
        return new CudaException(
            CudaErrors.OldDriver,
            $"{refused.Message}; the driver is for CUDA {CudaDevice.Version(CudaDevice.DriverVersion())}, the kernel was {compiler}",
            $"install an NVIDIA driver that is as new as the kernels' compiler, or NVRTC as old as the driver ({NativeLibraries.CompilerVariable} names its file)", refused.Result, refused);
    }

    // On the caller's thread, whichever it was that met with it.
    private void Tell()
    {
        while (_notes.TryDequeue(out string? text))
            _note(text);
    }

    private KernelImage InTurn(KernelSource source)
    {
        _turns.Wait();
        try
        {
            return Image(source);
        }
        finally
        {
            _turns.Release();
        }
    }

    private KernelImage Image(KernelSource source)
    {
        string architecture = _context.Device.Architecture;
        if ((FindShipped(_shipped, source, [architecture]) ?? (Key(source) is { } key ? _cache.Find(key) : null)) is { } kept)
            return new KernelImage(kept, IsKept: true);
        try
        {
            return Compile(source);
        }
        catch (CudaException failure) when (FindShipped(_shipped, source, Older(architecture)) is { } older)
        {
            if (failure.Code != CudaErrors.NoCompiler)
                _notes.Enqueue($"a kernel for another architecture than {architecture} is used: {failure.Message}");
            return new KernelImage(older, IsKept: true);
        }
    }

    private static KernelCache Shipped(Action<string> note) => new(Directory.Exists(ShippedFolder) ? ShippedFolder : null, note);

    private static byte[]? FindShipped(KernelCache shipped, KernelSource source, IEnumerable<string> architectures) =>
        architectures.Select(architecture => shipped.Find(source.Key(architecture, ""))).FirstOrDefault(found => found is not null);

    // Those before it of the same generation, whose machine code its devices run too: not so well as their own, but for want of a compiler. What an 'a' unlocks
    // belongs to one architecture alone.
    private static IEnumerable<string> Older(string architecture)
    {
        if (architecture.EndsWith('a'))
            yield break;
        int capability = int.Parse(architecture.AsSpan(3), CultureInfo.InvariantCulture);
        for (int older = capability - 1; older / 10 == capability / 10; older--)
            yield return CudaDevice.ArchitectureOf(older);
    }

    private KernelImage Compile(KernelSource source)
    {
        byte[] code = KernelCompiler.Compile(source, _context.Device.Architecture);
        Interlocked.Increment(ref _compiled);
        if (Key(source) is { } key)
            _cache.Keep(key, code);
        return new KernelImage(code, IsKept: false);
    }

    // Null where nobody compiles.
    private string? Key(KernelSource source) => KernelCompiler.Version() is { } version ? source.Key(_context.Device.Architecture, version) : null;

    private static string Name(string file, IReadOnlyList<string> defines) => defines.Count == 0 ? file : $"{file} -D{string.Join(" -D", defines)}";

    // Machine code, and whether it was found or has just been made.
    private readonly record struct KernelImage(byte[] Code, bool IsKept);
}
