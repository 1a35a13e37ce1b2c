using System.Globalization;

namespace AudioToken.Sampling;

/// <summary>Numbers as messages show them: the same in every language of the system.</summary>
internal static class Text
{
    public static string Of(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    public static string Of(int value) => value.ToString(CultureInfo.InvariantCulture);
}
