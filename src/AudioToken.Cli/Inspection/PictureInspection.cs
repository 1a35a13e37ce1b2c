using System.Text.Json;
using AudioToken.Pipelines.Imaging;

namespace AudioToken.Cli.Inspection;

/// <summary>The texts of a PNG, and the settings in them.</summary>
internal sealed class PictureInspection(string path) : IInspection
{
    private readonly IReadOnlyList<PngText> _texts = PngReader.ReadTexts(path);

    public IEnumerable<string> Lines()
    {
        yield return $"{Path.GetFileName(path)}: PNG picture";
        if (_texts.Count == 0)
            yield return "it holds no texts: no program wrote down how it was made, or the texts were removed";
        foreach (PngText text in _texts)
        {
            yield return $"{text.Keyword}:";
            foreach (string line in text.Text.Split('\n'))
                yield return "  " + line;
        }
    }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("kind", "picture");
        json.WriteString("file", Path.GetFileName(path));
        WriteParameters(json);
        json.WriteStartObject("texts");
        foreach (PngText text in _texts.DistinctBy(text => text.Keyword))
            json.WriteString(text.Keyword, text.Text);
        json.WriteEndObject();
    }

    public void Dispose()
    {
    }

    // Our own JSON says everything exactly; of another program's text what can be read from it.
    private void WriteParameters(Utf8JsonWriter json)
    {
        json.WritePropertyName("parameters");
        if (Find(GenerationParameters.JsonKeyword) is { } own && Object(own) is { } document)
        {
            using (document)
                document.RootElement.WriteTo(json);
        }
        else if (Find(GenerationParameters.ParametersKeyword) is { } text)
        {
            json.WriteRawValue(ParametersText.Parse(text).ToJson());
        }
        else
        {
            json.WriteNullValue();
        }
    }

    private string? Find(string keyword) => _texts.FirstOrDefault(text => text.Keyword == keyword)?.Text;

    private static JsonDocument? Object(string text)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null; // somebody else's text under our keyword
        }
    }
}
