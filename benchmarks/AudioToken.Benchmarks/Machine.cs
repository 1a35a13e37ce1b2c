using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json;
using AudioToken.Bench;

namespace AudioToken.Benchmarks;

/// <summary>What a result was measured on.</summary>
internal static class Machine
{
    /// <summary>Writes an object <c>machine</c>: processor, system, runtime, commit, and the multiply-add peak of the moment.</summary>
    public static void Write(Utf8JsonWriter json, int threads)
    {
        json.WriteStartObject("machine");
        json.WriteString("date", DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture));
        json.WriteString("commit", Commit());
        json.WriteString("processor", Processor());
        json.WriteNumber("cores", Environment.ProcessorCount);
        json.WriteNumber("threads", threads);
        json.WriteBoolean("vector512", Vector512.IsHardwareAccelerated);
        json.WriteString("system", RuntimeInformation.OSDescription);
        json.WriteString("runtime", RuntimeInformation.FrameworkDescription);
        json.WriteNumber("fma_peak_gflops", Math.Round(FmaPeak.Measure(threads) / 1e9, 1));
        json.WriteEndObject();
    }

    // The model name is the same for whole families in virtual machines, so family and model numbers go with it.
    private static string Processor()
    {
        if (!File.Exists("/proc/cpuinfo"))
            return RuntimeInformation.ProcessArchitecture.ToString();
        string[] lines = File.ReadAllLines("/proc/cpuinfo");
        string Field(string name) => lines.FirstOrDefault(line => line.StartsWith(name + "\t", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "?";
        return $"{Field("model name")}, family {Field("cpu family")}, model {Field("model")}";
    }

    private static string Commit()
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", "describe --always --dirty") { RedirectStandardOutput = true })!;
            return git.StandardOutput.ReadToEnd().Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
