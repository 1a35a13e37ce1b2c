using System.Globalization;
using System.Reflection;
using System.Text.Json;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Cli.Machine;
using AudioToken.Cli.Output;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Benchmarks;

/// <summary>A file of measurements under the names by which PyTorch's measurements go (docs/BENCH.md): one row a stage or operation.</summary>
/// <remarks>Written anew after each row, so that a run that is ended keeps what it has.</remarks>
internal sealed class RowsFile
{
    // PyTorch's operations are those of one guided step.
    private const int StepBatch = 2;

    private static readonly string? s_version = typeof(RowsFile).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion; // with the commit

    private readonly string _path, _machine, _type;
    private readonly List<Action<Utf8JsonWriter>> _rows = [];

    /// <summary>Settles the name.</summary>
    /// <exception cref="AudioTokenException">The file exists (8501), or its folder cannot be written (8502).</exception>
    public RowsFile(string path, string device, BenchDevice measured)
    {
        if (Path.Exists(path))
            throw new AudioTokenException(ErrorCode.OutputExists, $"'{path}' exists already and is not replaced", "another name with --rows");
        WritableFolder.Check(path);
        (_path, _machine) = (path, $"{device}, {measured.Description}");
        _type = measured.Storage switch { DType.F16 => "fp16", DType.BF16 => "bf16", _ => "fp32" };
    }

    /// <summary>Adds a stage.</summary>
    public void Add(StageMeasurement stage)
    {
        (string name, int batch) = Named(stage.Name);
        Add(name, name == "fbank" ? "fp32" : _type, batch, stage.Seconds, json =>
        {
            BenchJson.Write(json, "rel_rms", stage.RelativeRms);
            BenchJson.Write(json, "kernels", stage.Kernels);
        });
    }

    /// <summary>Adds an operation.</summary>
    /// <param name="row">What was measured.</param>
    /// <param name="calls">In a step; null for a shape that was named.</param>
    /// <param name="batch">Of the step.</param>
    public void Add(KernelMeasurement row, int? calls, int? batch) => Add(NameOf(row.Case), _type, batch ?? StepBatch, row.Seconds, json =>
    {
        json.WriteString("shape", $"{row.Case.Operation} {row.Case.Shape}");
        BenchJson.Write(json, "count", calls);
        BenchJson.Write(json, "floor_ms", row.ShareOfRoof * row.Seconds?.Median * 1e3);
        BenchJson.Write(json, "kernels", row.Kernels);
    });

    /// <summary>The work as PyTorch does it: without what an epilogue adds, with skip connections already side by side and inputs already enlarged.</summary>
    internal static string NameOf(KernelCase made) => made switch
    {
        Conv2dCase c => string.Create(
            CultureInfo.InvariantCulture,
            $"conv {c.Window.Height}x{c.Window.Width}/{c.Stride} {c.Batch}x{c.Channels + c.Skip}x{Math.Max(c.Height, c.Enlarged.Height)}x{Math.Max(c.Width, c.Enlarged.Width)}->{c.Columns}") +
            (c.Shortcut.Channels == 0 ? "" : " + " + NameOf(c with { Channels = c.Shortcut.Channels, Skip = c.Shortcut.Skip, Window = (1, 1), Shortcut = default })),
        LinearCase { Through: > 0 } c => $"{Product(c.Rows, c.Depth, c.Through, c.Epilogue.Bias)} + {Product(c.Rows, c.Through, c.Columns, c.Epilogue.Bias)}",
        LinearCase c => Product(c.Rows, c.Depth, c.Columns, c.Epilogue.Bias),
        ProjectCase c => string.Join(" + ", Enumerable.Repeat(Product(c.Rows, c.Depth, c.Columns, c.Bias), c.Count)),
        AttentionCase { Causal: false, Bias: false } c => string.Create(CultureInfo.InvariantCulture, $"attention {c.Batch}x{c.Heads}x{c.Queries}x{c.Keys}x{c.Columns / c.Heads}"),
        GroupNormCase c => $"{c.Operation} {(c with { Told = false }).Shape}",
        _ => $"{made.Operation} {made.Shape}",
    };

    private static string Product(int rows, int depth, int columns, bool bias) =>
        string.Create(CultureInfo.InvariantCulture, $"linear {rows}x{depth}->{columns}{(bias ? "" : " no bias")}");

    private static (string Name, int Batch) Named(string stage)
    {
        int dash = stage.LastIndexOf('-');
        if (dash > 0 && Stages.HasBatch(stage[..dash]))
            return (stage[..dash], int.Parse(stage.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture));
        return stage switch
        {
            "text" => (stage, 2),
            "vae" => ("vae decode", 1),
            _ when stage.StartsWith(PictureBench.Name + "-", StringComparison.Ordinal) => ($"{PictureBench.Name} {stage[(PictureBench.Name.Length + 1)..]}", 1),
            _ => (stage, 1),
        };
    }

    private void Add(string name, string type, int batch, Spread? seconds, Action<Utf8JsonWriter> others)
    {
        _rows.Add(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("dtype", type);
            json.WriteNumber("batch", batch);
            BenchJson.Write(json, "median_ms", seconds?.Median * 1e3);
            BenchJson.Write(json, "p10_ms", seconds?.P10 * 1e3);
            BenchJson.Write(json, "p90_ms", seconds?.P90 * 1e3);
            others(json);
            json.WriteEndObject();
        });
        AtomicFile.Write(_path, stream => JsonLine.Write(stream, json =>
        {
            json.WriteStartObject("machine");
            json.WriteString("device", _machine);
            json.WriteString("system", MachineFacts.System);
            json.WriteString("runtime", MachineFacts.Runtime);
            json.WriteNumber("cores", MachineFacts.Cores);
            json.WriteString("version", s_version);
            json.WriteEndObject();
            json.WriteStartArray("rows");
            foreach (Action<Utf8JsonWriter> row in _rows)
                row(json);
            json.WriteEndArray();
        }));
    }
}
