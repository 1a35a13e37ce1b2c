using System.Text.Json;

namespace AudioToken.Cli.Inspection;

/// <summary>What can be told of one file.</summary>
internal interface IInspection : IDisposable
{
    /// <summary>True if what was verified is not as it should be.</summary>
    bool HasFaults => false;

    /// <summary>For a person.</summary>
    IEnumerable<string> Lines();

    /// <summary>For a program.</summary>
    void WriteTo(Utf8JsonWriter json);
}
