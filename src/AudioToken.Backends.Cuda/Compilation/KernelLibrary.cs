using System.Collections.Concurrent;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Compilation;

/// <summary>The kernels of one device: found among those shipped, in the cache, or compiled, and loaded once.</summary>
internal sealed class KernelLibrary : IDisposable
{
    private readonly CudaContext _context;
    private readonly KernelCache _shipped;
    private readonly KernelCache _cache;
    private readonly Dictionary<string, CudaModule> _modules = [];
    private readonly Dictionary<(string Module, string Kernel), CudaKernel> _kernels = [];
    private int _compiled;

    /// <summary>Makes an empty library.</summary>
    /// <param name="context">The device.</param>
    /// <param name="cacheFolder">Null: nothing is kept.</param>
    /// <param name="note">Hears of a cache that cannot be used.</param>
    public KernelLibrary(CudaContext context, string? cacheFolder, Action<string> note)
    {
        _context = context;
        string shipped = ShippedFolder;
        _shipped = new KernelCache(Directory.Exists(shipped) ? shipped : null, note);
        _cache = new KernelCache(cacheFolder, note);
    }

    /// <summary>Where kernels built by <c>audiotoken kernels build</c> are looked for: beside the program.</summary>
    public static string ShippedFolder => Path.Combine(AppContext.BaseDirectory, "kernels");

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

    /// <summary>Compiles, several at a time, and loads what a job will need.</summary>
    /// <exception cref="CudaException">The first file's that fails.</exception>
    public void Prepare(IEnumerable<string> files)
    {
        string[] missing = [.. files.Distinct().Where(file => !_modules.ContainsKey(Name(file, [])))];
        ConcurrentDictionary<string, byte[]> images = [];
        try
        {
            Parallel.ForEach(missing, file => images[file] = Image(KernelSource.Of(file)));
        }
        catch (AggregateException exception) when (exception.InnerExceptions[0] is CudaException first)
        {
            throw new CudaException(first.Code, first.Message, first.Hint, first.Result, exception);
        }

        foreach (string file in missing)
            _modules[Name(file, [])] = new CudaModule(_context, images[file], file);
    }

    /// <summary>Unloads everything.</summary>
    public void Dispose()
    {
        _kernels.Clear();
        foreach (CudaModule module in _modules.Values)
            module.Dispose();
        _modules.Clear();
    }

    private CudaModule Module(string module, string file, IReadOnlyList<string> defines)
    {
        if (!_modules.TryGetValue(module, out CudaModule? known))
            _modules[module] = known = new CudaModule(_context, Image(KernelSource.Of(file, defines)), module);
        return known;
    }

    private byte[] Image(KernelSource source)
    {
        string architecture = _context.Device.Architecture;
        if (_shipped.Find(source.Key(architecture, "")) is { } shipped)
            return shipped;
        string? key = KernelCompiler.Version() is { } version ? source.Key(architecture, version) : null;
        if (key is not null && _cache.Find(key) is { } kept)
            return kept;
        byte[] image = KernelCompiler.Compile(source, architecture);
        Interlocked.Increment(ref _compiled);
        if (key is not null)
            _cache.Keep(key, image);
        return image;
    }

    private static string Name(string file, IReadOnlyList<string> defines) => defines.Count == 0 ? file : $"{file} -D{string.Join(" -D", defines)}";
}
