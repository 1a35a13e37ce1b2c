namespace AudioToken.WeightsConverter.Layouts;

/// <summary>Names from files, fit to be printed.</summary>
internal static class PrintableName
{
    private const int Longest = 120;

    public static string Of(string name) =>
        string.Concat((name.Length > Longest ? name[..Longest] + "…" : name).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c));
}
