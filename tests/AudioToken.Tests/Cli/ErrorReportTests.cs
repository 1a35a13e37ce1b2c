using AudioToken.Cli;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Cli;

public sealed class ErrorReportTests
{
    // InsufficientMemoryException is an OutOfMemoryException that code may make.
    public static TheoryData<Exception, int, string> Cases => new()
    {
        { new AudioTokenException(2501, "what\nfile: where", "the next step"), 2, "error AT2501: what\n  file: where\n  try:   the next step\n" },
        { new AudioTokenException(3001, "what"), 3, "error AT3001: what\n" },
        { new AudioTokenException(4103, "what\n  missing: a\n  missing: b"), 4, "error AT4103: what\n  missing: a\n  missing: b\n" },
        { new AudioTokenException(5501, "what"), 5, "error AT5501: what\n" },
        { new AudioTokenException(6001, "what"), 6, "error AT6001: what\n" },
        { new NumericFaultException("image", "what"), 7, "error AT7001: what\n" },
        { new AudioTokenException(8102, "what"), 8, "error AT8102: what\n" },
        { new AggregateException(new AudioTokenException(8102, "what")), 8, "error AT8102: what\n" },
        { new InsufficientMemoryException(), 6, "error AT6501: memory ran out\n  try:   draw a smaller picture (-W, -H), or free memory" },
        { new IOException("Broken pipe"), 8, "error AT8503: Broken pipe\n" },
        { new OperationCanceledException(), 130, "cancelled\n" },
        { new InvalidOperationException("a fault\nof ours"), 1, "error AT1001: InvalidOperationException: a fault\n  try:   this is a fault of the program: run again with --verbose for the stack trace\n" },
    };

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Exception_HasItsTextAndExitCode(Exception exception, int exit, string text)
    {
        using StringWriter error = new() { NewLine = "\n" };
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = Stream.Null, Error = error };

        Assert.Equal(exit, new ErrorReport(terminal, json: false, verbose: false).Write(exception));
        Assert.StartsWith(text, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error.ToString(), StringComparison.Ordinal);
    }
}
